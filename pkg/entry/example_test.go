package entry_test

import (
	"fmt"

	"github.com/nevsnode/gordon/v2/pkg/entry"
)

func ExampleDecode() {
	e, err := entry.Decode([]byte(`{"args":["--to","ann@example.com"],"env":{"LANG":"C"}}`))
	fmt.Println(e.Args, e.Env, err)

	_, err = entry.Decode([]byte(`{"args":["--copies",2]}`))
	fmt.Println(err)
	// Output:
	// [--to ann@example.com] map[LANG:C] <nil>
	// cannot read the entry: element 2 of "args" is a number at byte 20; every argument must be a string, such as "5"
}

func ExampleFailed() {
	fmt.Printf("%s\n", entry.Failed(1<<20, []byte(`{"args":["a"],"id":1.50}`), entry.Failure{Message: "exit status 3"}))
	fmt.Printf("%s\n", entry.Failed(1<<20, []byte(`mail ann`), entry.Failure{Message: "cannot read the entry"}))
	// Output:
	// {"args":["a"],"id":1.50,"env":{},"error_message":"exit status 3"}
	// {"raw":"mail ann","args":[],"env":{},"outcome":"unreadable","error_message":"cannot read the entry"}
}
