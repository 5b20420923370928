package config

// Need is a file or folder that a key outside of the tasks names. The caller checks
// whether it exists and is usable.
type Need struct {
	Kind  NeedKind
	Path  string // absolute, except for a program and a credential
	Key   string // the path of the key that belongs to a certificate
	Place Origin
}

// NeedKind is the kind of a [Need].
type NeedKind int

// The kinds of needs.
const (
	NeedProgram     NeedKind = iota + 1 // to run, as in [Config.ErrorScript]
	NeedFolder                          // to write to
	NeedLogfile                         // gordon creates it if it does not exist
	NeedPassword                        // a file, or "credential:NAME", which only the daemon has
	NeedAuthorities                     // in PEM
	NeedCertificate                     // in PEM
	NeedKey                             // in PEM
)

// needs lists the files that keys name. The key of a certificate follows it.
func (d *decoder) needs(keys []key, prefix string) (list []Need) {
	for _, k := range keys {
		name := dotted(prefix, k.name)
		list = append(list, d.needs(k.table, name)...)
		if k.need == 0 || !d.top.set(name) {
			continue
		}
		path := *k.field.(*string)
		if path == "" {
			continue
		}
		if n := len(list) - 1; k.need == NeedKey && n >= 0 {
			list[n].Key = path
		}
		list = append(list, Need{Kind: k.need, Path: path, Place: d.top.at(name)})
	}
	return list
}

// LimitKey is one limit of the configuration. The caller checks whether it can be
// enforced on the machine.
type LimitKey struct {
	Controller string // of control groups: "memory", "cpu", "io" or "pids"
	Place      Origin // where the limit is set
}

// limits lists the limits that are set, first those of one run.
func (t *draft) limits(keys []key, prefix string) (list []LimitKey) {
	for _, k := range keys {
		if k.limits != nil && k.limits() {
			list = append(list, LimitKey{Controller: k.controller, Place: t.scope.at(dotted(prefix, k.name))})
		}
	}
	for _, k := range keys {
		list = append(list, t.limits(k.table, dotted(prefix, k.name))...)
	}
	return list
}
