package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
)

// Delegation tokens (KIP-48) are for clients that have proved who they are. On a PLAINTEXT listener, the only kind that this broker has, nobody
// has: all four requests are answered DELEGATION_TOKEN_REQUEST_NOT_ALLOWED.

// createDelegationToken answers CreateDelegationToken, v0-v2.
func createDelegationToken(_ context.Context, _ *Env, r *Request) Reply {
	resp := kmsg.NewPtrCreateDelegationTokenResponse()
	resp.ErrorCode = kerr.DelegationTokenRequestNotAllowed.Code
	resp.PrincipalType, resp.PrincipalName = r.Principal().Type, r.Principal().Name
	resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp = -1, -1, -1
	resp.HMAC = []byte{}
	return Respond(resp)
}

// renewDelegationToken answers RenewDelegationToken, v0-v2.
func renewDelegationToken(context.Context, *Env, *Request) Reply {
	resp := kmsg.NewPtrRenewDelegationTokenResponse()
	resp.ErrorCode, resp.ExpiryTimestamp = kerr.DelegationTokenRequestNotAllowed.Code, -1
	return Respond(resp)
}

// expireDelegationToken answers ExpireDelegationToken, v0-v2.
func expireDelegationToken(context.Context, *Env, *Request) Reply {
	resp := kmsg.NewPtrExpireDelegationTokenResponse()
	resp.ErrorCode, resp.ExpiryTimestamp = kerr.DelegationTokenRequestNotAllowed.Code, -1
	return Respond(resp)
}

// describeDelegationToken answers DescribeDelegationToken, v0-v2.
func describeDelegationToken(context.Context, *Env, *Request) Reply {
	resp := kmsg.NewPtrDescribeDelegationTokenResponse()
	resp.ErrorCode = kerr.DelegationTokenRequestNotAllowed.Code
	return Respond(resp)
}
