package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/nevsnode/gordon/v2/internal/typename"
)

// Limits on the fields of a record. Anybody who may write to Redis may write records of
// instances. No working instance comes near the limits: none can have half a million
// workers, and by default Redis accepts 10,000 connections.
const (
	maxRecord  = 4 << 20  // bytes of one record
	maxRecords = 64 << 20 // bytes of all records that are read at once
	maxLists   = 1 << 20  // run lists of one instance, over all types
	maxName    = 255      // bytes of the name of a host
	maxTTL     = int64(math.MaxInt64 / time.Second)
	// maxInvalid is how many invalid records are named.
	maxInvalid = 100
)

// ErrInvalidRecord is wrapped by the error for a record that Gordon does not write.
var ErrInvalidRecord = errors.New("the record is not valid")

// instanceID matches the id of an instance. The id becomes part of keys, and processes
// are found by it (GORDON_TASK_ID).
var instanceID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,300}$`)

// parseInstance parses and validates a record, which anybody may have written.
func parseInstance(id string, about []byte) (Instance, error) {
	i := Instance{ID: id}
	if err := json.Unmarshal(about, &i); err != nil {
		// The error may quote a number of any length.
		return Instance{}, fmt.Errorf("%w: %.200s", ErrInvalidRecord, err.Error())
	}
	if err := i.validate(len(about)); err != nil {
		return Instance{}, err
	}
	return i, nil
}

// validate returns an error if a record of this many bytes cannot be Gordon's.
func (i Instance) validate(size int) error {
	problem := ""
	switch {
	case size+len(i.ID)+256 > maxRecord:
		problem = "too large"
	case !instanceID.MatchString(i.ID):
		problem = "the id has characters other than letters, digits and ._-"
	case len(i.Hostname) > maxName:
		problem = "the host name is too long"
	}
	lists := 0
	for name, t := range i.Types {
		switch {
		case typename.Check(name) != nil:
			problem = fmt.Sprintf("%.100q cannot be the name of a type", name)
		case t.Lists < 0 || t.Lists > maxLists-lists:
			problem = fmt.Sprintf("the number of run lists is not between 0 and %d", maxLists)
		case t.FailedTTL < 0 || t.FailedTTL > maxTTL:
			problem = "failed_tasks_ttl is out of range"
		default:
			lists += t.Lists
		}
	}
	if problem != "" {
		return fmt.Errorf("%w: %s", ErrInvalidRecord, problem)
	}
	return nil
}
