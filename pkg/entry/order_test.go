package entry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nevsnode/gordon/v2/internal/usage"
)

func TestDecodeOrders(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	for raw, want := range map[string]Orders{
		`{"id":"invoice 17"}`:                      {ID: "invoice 17"},
		`{"id":17}`:                                {ID: "17"},
		`{"Id":12345678901234567890}`:              {ID: "12345678901234567890"},
		`{"id":{"$oid":"5f"}}`:                     {}, // had no meaning in 1.x
		`{"run_at":1767323045.5}`:                  {RunAt: moment},
		`{"run_at":"2026-01-02T03:04:05.5Z"}`:      {RunAt: moment},
		`{"run_at":"2026-01-02T05:04:05.5+02:00"}`: {RunAt: moment},
		`{"run_at":0}`:                             {RunAt: time.Unix(0, 0)},
		`{"run_at":"1767323045.5"}`:                {RunAt: moment},
		`{"run_at":" +1.7673230455e9 "}`:           {RunAt: moment},
		`{"run_at":"2026-01-02T03:04:05.5+0000"}`:  {RunAt: moment}, // PHP's DATE_ISO8601, strftime's %z
		`{"run_at":"2026-01-02 04:34:05,5 +0130"}`: {RunAt: moment},
		`{"run_at":"2026-01-01 22:04:05.500-05"}`:  {RunAt: moment}, // PostgreSQL
		`{"run_at":"2026-01-02 03:04:05.5 UTC"}`:   {RunAt: moment},
		`{"run_at":"2026-01-02t03:04:05.5z"}`:      {RunAt: moment},
		`{"run_at":"2026-01-02T03:04Z"}`:           {RunAt: moment.Truncate(time.Minute)},
		`{"run_at":"2026-01-01T24:00Z"}`:           {RunAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
		`{"run_at":"2026-01-01T24:00:00-01:00"}`:   {RunAt: time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC)},
		`{"run_at":"2016-12-31T23:59:60Z"}`:        {RunAt: time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)},
		`{"run_at":"2017-01-01T00:59:60.5+01:00"}`: {RunAt: time.Date(2017, 1, 1, 0, 0, 0, 5e8, time.UTC)},
		`{"delay":"90"}`:                           {Delay: 90 * time.Second},
		`{"delay":" 1.5 "}`:                        {Delay: 1500 * time.Millisecond},
		`{"delay":"1d12h"}`:                        {Delay: 36 * time.Hour},
		`{"delay":"0.5d"}`:                         {Delay: 12 * time.Hour},
		`{"delay":"-2d"}`:                          {},
		`{"timeout":"60"}`:                         {Timeout: time.Minute},
		`{"deadline":1767323045.5}`:                {Deadline: moment},
		`{"delay":90}`:                             {Delay: 90 * time.Second},
		`{"delay":0.001}`:                          {Delay: time.Millisecond},
		`{"delay":"1m30s"}`:                        {Delay: 90 * time.Second},
		`{"delay":-5,"Delay":"-1h"}`:               {},
		`{"timeout":2.5}`:                          {Timeout: 2500 * time.Millisecond},
		`{"TIMEOUT":"250ms"}`:                      {Timeout: 250 * time.Millisecond},
		`{"delay":5,"delay":7}`:                    {Delay: 7 * time.Second},
		`{"id":null,"run_at":null,"delay":null,"deadline":null,"timeout":null}`: {},
	} {
		got, err := Decode([]byte(raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(want, got.Orders); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
}

func TestDecodeRefusesOrders(t *testing.T) {
	for raw, say := range map[string]string{
		`{"run_at":true}`:                                  `"run_at" is true at byte 10; it must be Unix seconds`,
		`{"run_at":"tomorrow"}`:                            `"run_at" is "tomorrow"`,
		`{"run_at":"2026-01-02 03:04:05"}`:                 `it must have a time zone, such as "2026-01-02 03:04:05Z" for UTC`,
		`{"run_at":"2026-01-02T03:04:05.123456"}`:          `such as "2026-01-02T03:04:05.123456Z" for UTC`,
		`{"run_at":1767323045500}`:                         "is it in milliseconds? That would be 1767323045.5)",
		`{"run_at":"1767323045500"}`:                       "That would be 1767323045.5)",
		`{"run_at":"2026-01-02"}`:                          "a time with its zone",
		`{"run_at":"20260102T030405Z"}`:                    "a time with its zone",
		`{"run_at":"Fri, 02 Jan 2026 03:04:05 GMT"}`:       "a time with its zone",
		`{"run_at":"2026-02-30T00:00:00Z"}`:                "an existing date",
		`{"run_at":"2026-01-02T25:00:00Z"}`:                "a valid time of day",
		`{"run_at":"2026-01-02T24:00:01Z"}`:                "a valid time of day",
		`{"run_at":"2026-01-02T24:00:00.5Z"}`:              "a valid time of day",
		`{"run_at":"2026-01-02T03:60:00Z"}`:                "a valid time of day",
		`{"run_at":"2026-01-02T03:04:60Z"}`:                "leap seconds are at 23:59:60 UTC",
		`{"run_at":"2026-01-02T03:04:05+24:00"}`:           "a valid time of day",
		`{"run_at":"inf"}`:                                 "a time with its zone",
		`{"run_at":"0x10"}`:                                "a time with its zone",
		`{"delay":"NaN"}`:                                  "a duration such as",
		`{"delay":"1y"}`:                                   "units ms, s, m, h and d",
		`{"delay":"PT1S"}`:                                 "units ms, s, m, h and d",
		`{"delay":"36501d"}`:                               "up to 100 years",
		`{"delay":"1e300"}`:                                "up to 100 years",
		`{"deadline":1e999}`:                               "up to the year 9999",
		`{"deadline":[]}`:                                  `"deadline" is []`,
		`{"delay":"5 minutes"}`:                            `must be seconds, such as 90 or 1.5, or a duration such as "1m30s"`,
		`{"delay":1e12}`:                                   "up to 100 years",
		`{"delay":{}}`:                                     `"delay" is {}`,
		`{"timeout":0}`:                                    "must be greater than 0",
		`{"timeout":"-1s"}`:                                "must be greater than 0",
		`{"id":"a\nb"}`:                                    "must not contain control characters",
		`{"id":"` + strings.Repeat("x", 300) + `"}`:        "must not be longer than 256 bytes",
		`{"gordon":5}`:                                     "is reserved for gordon: remove it",
		`{"gordon":{"attempts":-1}}`:                       "is reserved for gordon: remove it",
		`{"gordon":{"attempts":2147483647}}`:               "is reserved for gordon: remove it",
		`{"delay":"` + strings.Repeat("\xff", 1<<20) + `"`: "cannot read the entry",
	} {
		_, err := Decode([]byte(raw))
		var fault *DecodeError
		if !errors.As(err, &fault) {
			t.Errorf("%.80s is read: %v", raw, err)
			continue
		}
		if !strings.Contains(err.Error(), say) || len(err.Error()) > 500 {
			t.Errorf("%.80s: %.600s\nwant %q in it", raw, err, say)
		}
	}
}

func TestLater(t *testing.T) {
	first, second := Past{TaskID: "h-1.t.1"}, Past{Attempts: 1, TaskID: "h-1.t.2"}
	const (
		wantFirst  = `"gordon":{"attempts":0,"task_id":"h-1.t.1"}`
		wantSecond = `"gordon":{"attempts":1,"task_id":"h-1.t.2"}`
	)
	for _, tt := range []struct {
		name, raw string
		past      Past
		want      string
	}{
		{"null", `null`, first, `{` + wantFirst + `}`},
		{"the bytes stay", `{ "args" : ["a"],"x":1.50 }tail`, first, `{ "args" : ["a"],"x":1.50,` + wantFirst + ` }`},
		{"what has been waited for is gone", `{"delay":5,"args":[],"Run_At":7,"deadline":9}`, first, `{"args":[],"deadline":9,` + wantFirst + `}`},
		{"one past only", `{"args":[],` + wantFirst + `}`, second, `{"args":[],` + wantSecond + `}`},
		{"a record is an entry again", `{"args":[],"outcome":"failed","attempt":3,"error_message":"x"}`, second, `{"args":[],` + wantSecond + `}`},
		{"a producer's own properties stay", `{"outcome":"theirs"}`, second, `{"outcome":"theirs",` + wantSecond + `}`},
		{"no entry", `[]`, first, ``},
	} {
		if got := string(Later(noLimit, []byte(tt.raw), tt.past)); got != tt.want {
			t.Errorf("%s: Later(%s) = %s\nwant %s", tt.name, tt.raw, got, tt.want)
		}
	}
	if got := Later(100, []byte(`{"args":["`+strings.Repeat("x", 80)+`"]}`), first); got != nil {
		t.Errorf("%d bytes within 100", len(got))
	}
}

// The past counts for an entry that Gordon delayed, not for a record that a person pushed
// back.
func TestPast(t *testing.T) {
	later := Later(noLimit, []byte(`{"args":["a"]}`), Past{Attempts: 2, TaskID: "h-1.t.2"})
	e, err := Decode(later)
	if err != nil || e.Past.Attempts != 2 || e.Past.TaskID != "h-1.t.2" {
		t.Errorf("Decode(%s) = %+v, %v", later, e.Past, err)
	}
	record := Failed(noLimit, later, Failure{Message: "m", Attempt: 3})
	if want := `{"args":["a"],"env":{},"attempt":3,"error_message":"m"}`; string(record) != want {
		t.Errorf("the record is %s, want %s", record, want)
	}
	if e, err := Decode(record); err != nil || e.Past != (Past{}) {
		t.Errorf("Decode(%s) = %+v, %v", record, e.Past, err)
	}
}

func TestFailureProperties(t *testing.T) {
	f := Failure{
		Message: "signal: killed", Outcome: "out of memory", TaskID: "h-1.t.2", Attempt: 2,
		StartedAt: time.Date(2026, 1, 2, 4, 4, 5, 678_900_000, time.FixedZone("", 3600)), Duration: 1234567 * time.Microsecond,
		Signal: "SIGKILL",
		Usage:  usage.Usage{UserCPU: 20 * time.Millisecond, SystemCPU: 3 * time.Millisecond, PeakMemory: 1 << 20, ReadBytes: 4096, WrittenBytes: 8192},
	}
	want := `{"args":[],"env":{},"outcome":"out of memory","task_id":"h-1.t.2","attempt":2,"started_at":"2026-01-02T03:04:05.678Z","duration_ms":1234,` +
		`"signal":"SIGKILL","cpu_user_ms":20,"cpu_system_ms":3,"peak_memory_bytes":1048576,"io_read_bytes":4096,"io_written_bytes":8192,"error_message":"signal: killed"}`
	once := Failed(noLimit, []byte(`{"args":[]}`), f)
	if string(once) != want {
		t.Errorf("got  %s\nwant %s", once, want)
	}
	again := Failed(noLimit, once, Failure{Message: "exit status 0", Exited: true})
	if want := `{"args":[],"env":{},"exit_status":0,"error_message":"exit status 0"}`; string(again) != want {
		t.Errorf("got  %s\nwant %s", again, want)
	}
}
