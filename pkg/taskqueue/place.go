package taskqueue

import (
	"reflect"

	"github.com/nevsnode/gordon/v2/pkg/config"
	"github.com/nevsnode/gordon/v2/pkg/store"
)

// place is one queue_key in one Redis, and how to get there. A reload that names
// another one starts another engine and lets the old one finish what it runs.
type place struct {
	queueKey string
	options  store.Options
}

func placeOf(c *config.Config) *place {
	p := &place{queueKey: c.QueueKey, options: store.Options{
		Network: c.RedisNetwork, Address: c.RedisAddress, Database: c.Redis.Database,
		Login: store.Login{Username: c.Redis.Username, PasswordFile: c.Redis.PasswordFile},
	}}
	if t := c.Redis.TLS; t.Enabled {
		p.options.TLS = &store.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName}
	}
	if s := c.Redis.Sentinel; len(s.Addresses) > 0 {
		p.options.Sentinel = store.Sentinel{
			Addresses: s.Addresses, Master: s.Master,
			Login: store.Login{Username: s.Username, PasswordFile: s.PasswordFile},
		}
	}
	return p
}

func (p *place) same(other *place) bool { return reflect.DeepEqual(p, other) }

func (p *place) String() string { return store.NewClient(p.options).String() }

// Address says where Redis is for this configuration, for messages.
func Address(c *config.Config) string { return placeOf(c).String() }
