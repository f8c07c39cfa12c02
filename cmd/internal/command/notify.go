package command

import (
	"fmt"
	"net"
)

// notifyVariable names the socket on which systemd waits for word from a unit of Type=notify.
const notifyVariable = "NOTIFY_SOCKET"

// tellServiceManager sends a state, as sd_notify does. Without a socket nobody waits for it.
func tellServiceManager(socket, state string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", socket) // "@" begins an abstract name for both
	if err == nil {
		defer conn.Close()
		_, err = conn.Write([]byte(state))
	}
	if err != nil {
		return fmt.Errorf("%s: telling systemd %s: %w", notifyVariable, state, err)
	}
	return nil
}
