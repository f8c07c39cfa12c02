package command

import (
	"errors"
	"fmt"
	"net"
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
	for _, u := range uses {
		l, err := net.Listen("tcp", net.JoinHostPort(u.host, strconv.Itoa(u.port)))
		if err == nil {
			l.Close()
			continue
		}
		text := fmt.Sprintf("port %d (%s) ", u.port, u.what)
		if isAddrInUse(err) {
			text += "is in use" + by(u.port)
		} else {
			text += "cannot be listened on: " + err.Error()
		}
		if u.flag != "" {
			text += "; stop that or choose another with " + u.flag
		}
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}

func by(port int) string {
	if h := portHolder(port); h != "" {
		return " by " + h
	}
	return ""
}

// explainPort adds to an error of listening which process has the port.
func explainPort(err error) error {
	var op *net.OpError
	if err == nil || !isAddrInUse(err) || !errors.As(err, &op) || op.Addr == nil {
		return err
	}
	_, port, splitErr := net.SplitHostPort(op.Addr.String())
	n, convErr := strconv.Atoi(port)
	if splitErr != nil || convErr != nil {
		return err
	}
	if h := portHolder(n); h != "" {
		return fmt.Errorf("%w: port %d is in use by %s", err, n, h)
	}
	return err
}
