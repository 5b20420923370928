package runner

import (
	"errors"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nevsnode/gordon/v2/pkg/privilege"
	"github.com/nevsnode/gordon/v2/pkg/program"
	"github.com/nevsnode/gordon/v2/pkg/taskenv"
)

// Start tries busyTries times while the script is open for writing. The pause between
// two attempts begins with busyPause and doubles each time, 31 ms in all.
const (
	busyTries = 6
	busyPause = time.Millisecond
)

// Start starts the process: as the leader of a session and a process group of its
// own, without capabilities unless it is root, and with stdout and stderr captured.
// The caller must call Wait on the Process, whatever happens to it.
//
// Start tries again for a moment while the kernel reports that the script is open
// for writing (ETXTBSY). Usually no process writes it any more: the program that installed
// the script closed it, but forked another child in between, and that child holds a copy
// of the descriptor until its own execve (https://go.dev/issue/22315). Writing a script
// takes longer, and the caller has to wait for that.
//
// If Start fails, the error is a *StartError, which wraps the
// error number of execve(2), clone(2), pipe(2) or open(2): use errors.Is, with
// fs.ErrNotExist, fs.ErrPermission, unix.E2BIG and so on. Transient distinguishes
// faults of the machine from faults of the task. If there is no room for one more process
// (Reserve), the error wraps EAGAIN, and Start has tried nothing.
func Start(spec Spec) (*Process, error) {
	if hint := taskenv.FindNUL(spec.Path, spec.Args, spec.Env); hint != "" {
		return nil, &StartError{Path: spec.Path, Err: unix.EINVAL, Hint: hint}
	}
	if taskenv.TooBig(spec.Args, spec.Env) {
		return nil, newStartError(spec, unix.E2BIG)
	}
	if err := spec.Reserve.Ready(spec.NeedsOwnThread()); err != nil {
		return nil, newStartError(spec, err)
	}
	spec.Reserve.Enter()
	defer spec.Reserve.Leave()
	p := newProcess(spec)
	pause := busyPause
	for try := 1; ; try++ {
		err := spec.look(func(ready func() bool) error {
			if err := spec.User.WithFSIDs(func() error { return program.Probe(spec.Path) }); err != nil {
				return err
			}
			if !ready() {
				return program.Hangs() // Start has returned already
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

// start opens the pipes and forks. It closes its copies of the child's ends
// in any case, and all other descriptors if there is no child. All steps that can fail
// for lack of descriptors come before the fork, so that a started process never has
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
	// A pipe belongs to the user who creates it (fs/pipe.c), and only that user can open
	// /dev/stdout and /dev/stderr.
	err = p.spec.User.WithFSIDs(func() error {
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
		// A session of its own, and with it a process group: the task cannot read the
		// daemon's terminal or type into it (TIOCSTI), and the terminal cannot stop it.
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: p.spec.User.Credential()},
	}
	// The child inherits the changes below from the thread that forks it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.spec.LimitCaps(); err != nil {
		return err
	}
	privilege.JoinNewKeyring()
	if group := p.spec.Group; group != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, group.FD()
	}
	return p.spec.Gate.during(p.spec.OOMScoreAdj, func() (err error) {
		p.started = time.Now()
		p.pid, _, err = syscall.StartProcess(p.spec.Path, argv, attr)
		return err
	})
}

// closeFD closes *fd, unless it is -1 already, and sets it to -1. It ignores the error of
// close(2), because the descriptor is closed all the same.
func closeFD(fd *int) {
	if *fd >= 0 {
		_ = unix.Close(*fd)
		*fd = -1
	}
}
