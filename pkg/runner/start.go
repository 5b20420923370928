package runner

import (
	"errors"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// How often and with which first pause Start tries again while the script is open
// for writing; the pause doubles each time, 31 ms in all.
const (
	busyTries = 6
	busyPause = time.Millisecond
)

// Start starts the process: as the leader of a session and a process group of its
// own, without capabilities unless it is root, and with stdout and stderr captured.
// Wait must be called on the Process, whatever happens to it.
//
// Start tries again for a moment while the kernel reports that the script is open
// for writing (ETXTBSY). Usually nobody writes it any more: whoever installed the
// script closed it, but forked another child in between, and that child holds a copy
// of the descriptor until its own execve (https://go.dev/issue/22315). A script that
// is really being written takes longer, and is for the caller to wait for.
//
// When nothing could be started the error is a *StartError, which wraps the
// error number of execve(2), clone(2), pipe(2) or open(2): use errors.Is, with
// fs.ErrNotExist, fs.ErrPermission, unix.E2BIG and so on. Transient tells
// faults of the machine from faults of the task. Without room for one more process
// (Reserve) it wraps EAGAIN, and nothing has been tried.
func Start(spec Spec) (*Process, error) {
	if hint := taskenv.FindNUL(spec.Path, spec.Args, spec.Env); hint != "" {
		return nil, &StartError{Path: spec.Path, Err: unix.EINVAL, Hint: hint}
	}
	if taskenv.TooBig(spec.Args, spec.Env) {
		return nil, newStartError(spec, unix.E2BIG)
	}
	if err := spec.Reserve.Ready(spec.Attributes); err != nil {
		return nil, newStartError(spec, err)
	}
	spec.Reserve.enter()
	defer spec.Reserve.leave()
	p := newProcess(spec)
	pause := busyPause
	for try := 1; ; try++ {
		err := spec.look(func(ready func() bool) error {
			if err := spec.User.files(func() error { return lookAt(spec.Path) }); err != nil {
				return err
			}
			if !ready() {
				return errHangs() // nobody waits any more
			}
			return p.start()
		})
		switch {
		case err == nil:
			return p, nil
		case !errors.Is(err, unix.ETXTBSY) || try == busyTries:
			return nil, newStartError(spec, err)
		}
		time.Sleep(pause)
		pause *= 2
	}
}

// start opens the pipes and forks. Our copies of the child's ends are closed
// in any case, all others when there is no child. Whatever can fail for want
// of descriptors is done before the fork, so that a started process never has
// to be given up.
func (p *Process) start() (err error) {
	stdin, stdout, stderr := -1, -1, -1
	defer func() {
		closeFD(&stdin)
		closeFD(&stdout)
		closeFD(&stderr)
		if err != nil {
			p.closeAll()
		}
	}()
	if stdin, err = openStdin(p.spec.Stdin); err != nil {
		return err
	}
	// Pipes belong to whoever makes them (fs/pipe.c), and only he can open
	// /dev/stdout and /dev/stderr.
	err = p.spec.User.files(func() error {
		if stdout, err = p.stdout.open(); err != nil {
			return err
		}
		stderr, err = p.stderr.open()
		return err
	})
	if err != nil {
		return err
	}
	if p.events, err = watch(p.stdout.fd, p.stderr.fd); err != nil {
		return err
	}
	return p.fork(stdin, stdout, stderr)
}

// closeAll closes every descriptor that p has.
func (p *Process) closeAll() {
	p.stdout.close()
	p.stderr.close()
	closeFD(&p.pidfd)
	if p.events != nil {
		p.events.close()
	}
}

// fork starts the child.
func (p *Process) fork(stdin, stdout, stderr int) error {
	argv := make([]string, 0, 1+len(p.spec.Args))
	argv = append(append(argv, p.spec.Path), p.spec.Args...)
	attr := &syscall.ProcAttr{
		Env:   p.spec.Env,
		Files: []uintptr{uintptr(stdin), uintptr(stdout), uintptr(stderr)},
		// A session of its own, and with it a process group: no terminal of the
		// daemon's can be read, be typed into (TIOCSTI), or stop the task.
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: p.spec.User.credential()},
	}
	// What is done to the thread counts for what it forks.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !p.spec.guarded {
		if err := keepCapsFromChildren(); err != nil {
			return err
		}
	}
	joinNewKeyring()
	if group := p.spec.Group; group != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, group.FD()
	}
	return p.spec.Gate.start(p.spec.OOMScoreAdj, func() (err error) {
		p.started = time.Now()
		p.pid, _, err = syscall.StartProcess(p.spec.Path, argv, attr)
		return err
	})
}

// closeFD closes *fd, unless it is -1 already, and sets it to -1. An error of
// close(2) is of no use here: the descriptor is gone all the same.
func closeFD(fd *int) {
	if *fd >= 0 {
		_ = unix.Close(*fd)
		*fd = -1
	}
}
