package handler

import (
	"momus/broker/protocol"
)

// Dispatcher executes requests for the network server: it implements network.Handler.
type Dispatcher struct {
	env   *Env
	table [protocol.Count]*api
}

// New makes a dispatcher; e must not change afterwards.
func New(e *Env) *Dispatcher {
	d := &Dispatcher{env: e}
	for _, row := range rows() {
		d.table[row.key] = &row
	}
	return d
}
