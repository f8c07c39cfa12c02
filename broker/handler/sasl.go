package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
)

// saslHandshake answers SaslHandshake, v0-v1, on a connection that is ready for requests:
// ILLEGAL_SASL_STATE, always. The handshake proper is done before, on listeners that authenticate.
func saslHandshake(context.Context, *Env, *Request) Reply {
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.ErrorCode = kerr.IllegalSASLState.Code
	return Respond(resp)
}

// saslAuthenticate answers SaslAuthenticate, v0-v2, likewise.
func saslAuthenticate(context.Context, *Env, *Request) Reply {
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.ErrorCode = kerr.IllegalSASLState.Code
	message := "SaslAuthenticate request received after successful authentication"
	resp.ErrorMessage, resp.SASLAuthBytes = &message, []byte{}
	return Respond(resp)
}
