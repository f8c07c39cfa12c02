package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// portUse is a port that is about to be listened on.
type portUse struct {
	host string
	port int
	what string // for people: Kafka, ZooKeeper, metrics
	flag string // the option that chooses another
}

// checkPorts tries each port and says which are taken, by what, and how to choose others.
func checkPorts(uses []portUse) error {
	var errs []error
	first := map[int]string{} // what has a port already, of those that are asked for here
	for _, u := range uses {
		if what, taken := first[u.port]; taken {
			errs = append(errs, fmt.Errorf("port %d (%s) is also that of %s; choose another with %s", u.port, u.what, what, u.flag))
			continue
		}
		first[u.port] = u.what
		// Only listening tells for sure. Who takes the port between this and the start is named by
		// explainPort.
		l, err := net.Listen("tcp", net.JoinHostPort(u.host, strconv.Itoa(u.port)))
		if err == nil {
			l.Close()
			continue
		}
		text := fmt.Sprintf("port %d (%s) ", u.port, u.what)
		switch {
		case isAddrInUse(err):
			text += "is in use" + by(u.port) + "; stop that or choose another with " + u.flag
		case errors.Is(err, os.ErrPermission):
			text += "is one that only root may listen on; choose another, of at least 1024, with " + u.flag
		default:
			text += "cannot be listened on: " + err.Error() + "; choose another with " + u.flag
		}
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}

// by names who holds a port, as the end of a sentence; nothing where the system does not tell.
func by(port int) string {
	if h := portHolder(port); h != "" {
		return " by " + h
	}
	return ""
}

// explainPort adds to an error of listening which process has the port, or who may have it.
func explainPort(err error) error {
	var op *net.OpError
	if err == nil || !errors.As(err, &op) || op.Op != "listen" || op.Addr == nil {
		return err
	}
	_, port, splitErr := net.SplitHostPort(op.Addr.String())
	n, convErr := strconv.Atoi(port)
	switch {
	case splitErr != nil || convErr != nil:
	case isAddrInUse(err):
		if h := portHolder(n); h != "" {
			return fmt.Errorf("%w: port %d is in use by %s", err, n, h)
		}
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: only root may listen on port %d; choose one of at least 1024", err, n)
	}
	return err
}
