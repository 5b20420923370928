package stats

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// The answer is byte for byte the one of 1.6.5, which monitoring scripts read.
func TestCompatAnswer(t *testing.T) {
	c, clock := newTestCounters("T")
	for range 9 {
		c.Started("T")
	}
	clock.at = clock.at.Add(5 * time.Second)
	h, err := newHandler("", c)
	if err != nil {
		t.Fatal(err)
	}
	w := ask(h, http.MethodGet, "/")
	if want := `{"runtime":5,"task_count":{"T":9},"version":"2.0.0"}`; w.Body.String() != want {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf8" {
		t.Errorf("Content-Type %q", got)
	}
}

// New properties follow those of 1.6.5.
func TestAnswerSaysHowRedisIs(t *testing.T) {
	c, _ := newTestCounters("T")
	c.ShowRedis(func() string { return "refuses (OOM)" })
	h, err := newHandler("", c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ask(h, http.MethodGet, "/").Body.String(), `{"runtime":0,"task_count":{"T":0},"version":"2.0.0","redis":"refuses (OOM)"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          int
	}{
		{"/", "/", 200},
		{"/", "/any/path", 200},
		{"", "/any/path", 200},
		{"/stats", "/stats", 200},
		{"/stats", "/stats?x=1", 200},
		{"/stats", "/", 404},
		{"/stats", "/stats/more", 404},
		{"/stats/", "/stats/more", 200},
		{"/stats/", "/other", 404},
		{"example.com/", "/", 200}, // httptest's host
		{"example.org/", "/", 404},
	}
	for _, tt := range tests {
		c, _ := newTestCounters("T")
		h, err := newHandler(tt.pattern, c)
		if err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
			continue
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if got := ask(h, method, tt.path).Code; got != tt.want {
				t.Errorf("pattern %q, %s %s: status %d, want %d", tt.pattern, method, tt.path, got, tt.want)
			}
		}
	}
}

func TestBadPatternsAreErrors(t *testing.T) {
	for _, pattern := range []string{"stats", "/{", "@ /", " ", "/{x}{y}"} {
		if h, err := newHandler(pattern, nil); err == nil || h != nil {
			t.Errorf("pattern %q: %v, %v; want an error", pattern, h, err)
		}
	}
}
