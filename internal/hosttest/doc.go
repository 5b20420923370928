// Package hosttest simulates machines for tests of several hosts: each [Host] has
// its own pid, mount and uts namespace, and with them its own pids, host name, machine
// id, boot id and /proc, and its own way to Redis, which can be cut. It needs root.
//
//	h := hosttest.New(t, redis, hosttest.Config{Name: "web1"})
//	site := h.Site(binary)       // a folder with a configuration and scripts
//	site.Configure(site.Task("job", 2))
//	d := site.Start()            // gordon, as a process of that machine
//	h.Freeze(); h.Thaw()         // SIGSTOP of all processes, like a suspend
//	h.Partition(); h.Heal()      // packets are dropped; Cut has connections refused
//	h.PowerOff(); h.Boot()       // no FIN reaches Redis; the next boot has another boot id
//
// The files of the test's machine are those of all hosts, so that scripts can write
// notes that a power-off does not undo. Clocks are shared: time namespaces have no
// clock that could be set later (time_namespaces(7)).
//
// Nothing that ships imports it.
package hosttest
