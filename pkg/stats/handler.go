package stats

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// newHandler routes pattern to the counters. As in Gordon 1.6.5 it is a pattern of
// http.ServeMux: "/" answers every path, "/stats" only that path. Others are 404.
func newHandler(pattern string, c *Counters) (_ http.Handler, err error) {
	if pattern == "" {
		pattern = "/"
	}
	// ServeMux panics if it does not accept a pattern.
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the pattern of the stats interface, which has to be a path such as \"/\": %v", fault)
		}
	}()
	mux := http.NewServeMux()
	mux.Handle(pattern, c)
	return mux, nil
}

// ServeHTTP answers with the counters as JSON, in the form of Gordon 1.6.5.
func (c *Counters) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b, err := json.Marshal(c.report())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf8")
	// It fails only if the client has gone.
	_, _ = w.Write(b)
}
