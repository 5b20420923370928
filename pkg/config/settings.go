package config

import "time"

// origin is where a value was written.
type origin struct {
	file string
	line int
	key  string // full key in TOML's notation
}

// exported is for those who find a fault where this package cannot look.
func (o origin) exported() Origin { return Origin{File: o.file, Line: o.line, Key: o.key} }

// value is a setting as the files have it: unset, refused, or good.
type value[T any] struct {
	v   T
	at  origin
	set bool // written somewhere; a later file replaces it
	bad bool // refused, and a fault has been reported: no further fault may follow from it
}

// good reports whether there is a value to look at.
func (v value[T]) good() bool { return v.set && !v.bad }

// or returns the value, or the given one where it is unset.
func (v value[T]) or(def T) T {
	if v.set {
		return v.v
	}
	return def
}

// settings is what all files say, later ones over earlier ones, before defaults
// and inheritance.
type settings struct {
	redisNetwork value[string]
	redisAddress value[string]
	queueKey     value[string]
	errorScript  value[string]
	tempDir      value[string]
	logfile      value[string]

	startTimeout    value[time.Duration]
	shutdownTimeout value[time.Duration]

	maxRunning  value[int64]
	onLeaseLoss value[string]

	common common // what tasks inherit
	redis  redisSettings
	stats  statsSettings
	tasks  map[string]*taskSettings
}

// common is what may stand both at the top and in a task.
type common struct {
	failedTasksTTL value[int64] // s
	failedMax      value[int64]
	failedMaxSize  value[Bytes]
	failOnOutput   value[string]
	onCrash        value[string]
	timeout        value[time.Duration]
	killGrace      value[time.Duration]
	leftovers      value[string]
	backoffEnabled value[bool]
	backoffMin     value[int64] // ms
	backoffMax     value[int64] // ms
	backoffFactor  value[float64]
	retry          retrySettings
}

// login is how gordon shows who it is, to Redis or to its Sentinels.
type login struct {
	username, passwordFile value[string]
}

type redisSettings struct {
	database value[int64]
	login    login
	tls      tlsSettings
	sentinel sentinelSettings
}

type tlsSettings struct {
	enabled                               value[bool]
	caFile, certFile, keyFile, serverName value[string]
}

type sentinelSettings struct {
	addresses value[[]string] // with their ports
	master    value[string]
	login     login
}

type statsSettings struct {
	iface, pattern          value[string]
	tlsCertFile, tlsKeyFile value[string]
}

type taskSettings struct {
	name           string
	at             origin // where the type is named first
	script         value[[]string]
	workers        value[int64]
	priority       value[int64]
	weight         value[int64]
	allowUnsafeEnv value[bool]
	limits, total  limitSettings
	envAllow       value[[]string]
	environment    map[string]*value[string]
	stdin          value[string]
	oldType        value[string] // the key "type" of 1.4
	common         common

	user, group, workingDirectory value[string]
	umask, nice, oomScoreAdj      value[int64]
	ionice                        value[IONice]
}

// task returns the settings of a type, made where they are new.
func (s *settings) task(name string, at origin) *taskSettings {
	t := s.tasks[name]
	if t == nil {
		t = &taskSettings{name: name, at: at}
		s.tasks[name] = t
	}
	return t
}
