package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzRecord checks that a record is refused or within the limits, and that an accepted one
// is the same after we have written and read it.
func FuzzRecord(f *testing.F) {
	for _, about := range []string{
		`{"host":"a","machine_id":"m","boot_id":"b","pid_ns":"pid:[1]","pid":7,"start_time":9,"version":"2","types":{"T":{"slots":4}}}`,
		`{"types":{"T":{"slots":1000000000}}}`, `{"types":{"T":{"slots":-1}}}`, `{"types":{"T":{"slots":1e99}}}`,
		`{"types":{"T":{"slots":4,"failed_ttl":-9223372036854775808}}}`, `{"types":{"":{}}}`, `{"types":{"instances":{}}}`,
		`{"types":[]}`, `{"types":{"T":{"slots":{"slots":[[[]]]}}}}`, `null`, `[]`, ``, `{"pid":"7"}`, `{"host":"\u0000\n"}`,
	} {
		f.Add("host-00000000", []byte(about))
	}
	for _, id := range []string{"", "*", "a:b", "a\r\nb", "a\x00b", "[a-z]?", strings.Repeat("x", 400)} {
		f.Add(id, []byte(`{"types":{"T":{"slots":2}}}`))
	}
	f.Fuzz(func(t *testing.T, id string, about []byte) {
		i, err := parseInstance(id, about)
		if err != nil {
			if !errors.Is(err, ErrInvalidRecord) || len(err.Error()) > 1000 || !cmp.Equal(i, Instance{}) {
				t.Fatalf("%+v, %v", i, err)
			}
			return
		}
		if strings.ContainsAny(id, ":*?[]\\\r\n\x00 ") || id == "" {
			t.Fatalf("id %q was believed", id)
		}
		lists := 0
		for name, kind := range i.Types {
			key := keys.Queue(name)
			if key == keys.Instances() || strings.HasPrefix(key, keys.Lease("")) || strings.HasPrefix(key, keys.Notes("")) {
				t.Fatalf("type %q was believed: its queue is %s", name, key)
			}
			if kind.Lists < 0 || kind.FailedTTL < 0 {
				t.Fatalf("%+v was believed", kind)
			}
			lists += kind.Lists
		}
		if lists > maxLists {
			t.Fatalf("%d run lists were believed", lists)
		}
		again, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseInstance(id, again)
		if diff := cmp.Diff(i, back, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// FuzzAnswers passes to every parser of answers all types of values that redigo returns.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n", "redis_version:", ":::\n:", "6.2", "-1.-1", "99999999999999999999.2", "",
		"id=3 addr=/s:0 name=gordon/x/1 age=0", "requeued", "ERR Error running script (call to f_0): @user_script:1: -OOM x", "-",
	} {
		f.Add([]byte(s), []byte("x"), int64(2))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, n int64) {
		version := parseInfo(string(a))["redis_version"]
		if atLeast(version, 6, 2) && version == "" {
			t.Fatal("no version is new enough")
		}
		for _, reply := range []any{nil, a, string(a), n, redis.Error(a)} {
			for _, other := range []any{nil, b, n, redis.Error(b), []any{a, b}} {
				for _, values := range []any{[]any{reply, other}, []any{reply}, []any{reply, other, n}, []any{n, other, reply}, []any{n, reply, other, reply}, reply, other} {
					got := parseFinished(values)
					if got.Err != nil && (got.Gone || got.Entry != nil) {
						t.Fatalf("%#v gives %+v", values, got)
					}
				}
				_, _, _ = parseInstances(keys, []any{reply, other})
				_, _, _ = parseInstances(keys, []any{[]any{reply, other}, []any{other}})
			}
		}
		if got := parseFinished([]any{n, b, a, n}); n > 0 && (got.Err != nil || got.Gone || !bytes.Equal(got.Entry, b)) {
			t.Fatalf("%+v", got)
		}
	})
}
