// Package account looks up users and groups, and properties of systemd units, by asking
// the programs of the system.
//
// The answers decide about rights, so no task may be able to give them: the programs are
// guarded ([privilege.Attributes.Guarded]), they are not looked up in the daemon's PATH,
// and they get nothing of the daemon's environment. The package must not know the
// use of the accounts.
package account
