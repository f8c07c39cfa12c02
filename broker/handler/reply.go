package handler

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/network"
)

// Reply is what a handler returns: exactly one of a response, a body encoded by hand, a pending
// answer, nothing, or a closed connection. Use the functions below.
type Reply struct {
	response kmsg.Response
	body     Body
	pending  network.Pending
	// What becomes of the connection; Answered goes with response or body, Later with pending.
	verdict network.Verdict
}

// Body is a response body that encodes itself, possibly with ranges of files in it.
type Body interface {
	// AppendBody appends the body to out, after the header. It is called once; a body that holds
	// file ranges hands them over.
	AppendBody(out *network.Output)
}

// Respond answers with a response of kmsg; its version is set to that of the request.
func Respond(resp kmsg.Response) Reply { return Reply{response: resp, verdict: network.Answered} }

// RespondBody answers with a body that encodes itself.
func RespondBody(b Body) Reply { return Reply{body: b, verdict: network.Answered} }

// NoReply answers nothing: Produce with acks=0.
func NoReply() Reply { return Reply{verdict: network.Silent} }

// CloseConnection answers nothing and closes the connection.
func CloseConnection() Reply { return Reply{verdict: network.CloseConn} }

// later answers when p is complete. p must append the response header too: see
// Request.appendHeader.
func later(p network.Pending) Reply { return Reply{pending: p, verdict: network.Later} }
