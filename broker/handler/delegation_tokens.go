package handler

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/security/token"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Delegation tokens (KIP-48) are for clients that have proved who they are, and not by a token: all
// four requests are answered DELEGATION_TOKEN_REQUEST_NOT_ALLOWED otherwise, and
// DELEGATION_TOKEN_AUTH_DISABLED without delegation.token.master.key.

// tokensRefused is what keeps the sender of r from anything to do with tokens.
func (e *Env) tokensRefused(r *Request) *kerr.Error {
	switch p := r.Principal(); {
	case r.Conn.Protocol == model.Plaintext, p.ByToken(), r.Conn.Protocol == model.SSL && p.Equal(model.Anonymous()):
		return kerr.DelegationTokenRequestNotAllowed
	case e.Tokens == nil:
		return kerr.DelegationTokenAuthDisabled
	}
	return nil
}

// createDelegationToken answers CreateDelegationToken, v0-v2: a token of the sender. Rights: none,
// everybody may make tokens of his own. Errors: those above, INVALID_PRINCIPAL_TYPE for renewers
// that are no users.
func createDelegationToken(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.CreateDelegationTokenRequest)
	resp := kmsg.NewPtrCreateDelegationTokenResponse()
	resp.PrincipalType, resp.PrincipalName = r.Principal().Type, r.Principal().Name
	resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp = -1, -1, -1
	resp.HMAC = []byte{}
	refused := e.tokensRefused(r)
	var renewers []model.Principal
	// A sender who may have nothing to do with tokens hears that first; a renewer of another type
	// hides a missing master key, as in Kafka.
	for _, p := range req.Renewers {
		if p.PrincipalType != model.UserType && refused != kerr.DelegationTokenRequestNotAllowed {
			refused = kerr.InvalidPrincipalType
		}
		renewers = append(renewers, model.Principal{Type: p.PrincipalType, Name: p.PrincipalName})
	}
	if refused != nil {
		resp.ErrorCode = refused.Code
		return Respond(resp)
	}
	t, err := e.Tokens.Create(ctx, r.Principal(), renewers, milliseconds(req.MaxLifetimeMillis))
	if err != nil {
		e.logFailure("delegation token was not created", r.Principal().String(), err)
		resp.ErrorCode = kerr.Code(err)
		return Respond(resp)
	}
	resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp = t.Issued.UnixMilli(), t.Expires.UnixMilli(), t.Max.UnixMilli()
	resp.TokenID, resp.HMAC = t.ID, t.HMAC
	return Respond(resp)
}

// renewDelegationToken answers RenewDelegationToken, v0-v2. Rights: none, but only the owner and
// the renewers may. Errors: those above, DELEGATION_TOKEN_NOT_FOUND,
// DELEGATION_TOKEN_OWNER_MISMATCH, DELEGATION_TOKEN_EXPIRED.
func renewDelegationToken(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.RenewDelegationTokenRequest)
	resp := kmsg.NewPtrRenewDelegationTokenResponse()
	resp.ErrorCode, resp.ExpiryTimestamp = e.changeToken(ctx, r, "renewed", (*token.Manager).Renew, req.HMAC, req.RenewTimeMillis)
	return Respond(resp)
}

// expireDelegationToken answers ExpireDelegationToken, v0-v2: a negative period removes the token.
// Rights and errors are those of RenewDelegationToken.
func expireDelegationToken(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.ExpireDelegationTokenRequest)
	resp := kmsg.NewPtrExpireDelegationTokenResponse()
	resp.ErrorCode, resp.ExpiryTimestamp = e.changeToken(ctx, r, "expired", (*token.Manager).Expire, req.HMAC, req.ExpiryPeriodMillis)
	return Respond(resp)
}

// tokenChange is a change of the token with a secret, to a period of time from now.
type tokenChange func(m *token.Manager, ctx context.Context, caller model.Principal, hmac []byte, period time.Duration) (expires time.Time, err error)

// changeToken changes a token, if the sender may have to do with tokens, and gives its new expiry,
// -1 with an error.
func (e *Env) changeToken(ctx context.Context, r *Request, what string, change tokenChange, hmac []byte, periodMs int64) (code int16, expires int64) {
	if refused := e.tokensRefused(r); refused != nil {
		return refused.Code, -1
	}
	at, err := change(e.Tokens, ctx, r.Principal(), hmac, milliseconds(periodMs))
	if err != nil {
		e.logFailure("delegation token was not "+what, r.Principal().String(), err)
		return kerr.Code(err), -1
	}
	return 0, at.UnixMilli()
}

// describeDelegationToken answers DescribeDelegationToken, v0-v2: the tokens that owners (null:
// all) own or may renew, as far as the sender may see them. Rights: DelegationToken:Describe for
// each that he neither owns nor may renew; others are left out. Errors: those above.
func describeDelegationToken(_ context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DescribeDelegationTokenRequest)
	resp := kmsg.NewPtrDescribeDelegationTokenResponse()
	if refused := e.tokensRefused(r); refused != nil {
		resp.ErrorCode = refused.Code
		return Respond(resp)
	}
	var owners []model.Principal
	if req.Owners != nil {
		owners = make([]model.Principal, len(req.Owners))
		for i, o := range req.Owners {
			owners[i] = model.Principal{Type: o.PrincipalType, Name: o.PrincipalName}
		}
	}
	for _, t := range e.Tokens.Describe(r.Principal(), owners, func(id string) bool { return e.allowed(r, acl.Describe, acl.DelegationToken, id) }) {
		resp.TokenDetails = append(resp.TokenDetails, tokenDetail(t))
	}
	return Respond(resp)
}

// tokenDetail is a token as DescribeDelegationToken shows it to those who may see it, its HMAC
// included.
func tokenDetail(t *token.Token) kmsg.DescribeDelegationTokenResponseTokenDetail {
	d := kmsg.NewDescribeDelegationTokenResponseTokenDetail()
	d.PrincipalType, d.PrincipalName, d.TokenID, d.HMAC = t.Owner.Type, t.Owner.Name, t.ID, slices.Clone(t.HMAC)
	d.IssueTimestamp, d.ExpiryTimestamp, d.MaxTimestamp = t.Issued.UnixMilli(), t.Expires.UnixMilli(), t.Max.UnixMilli()
	for _, p := range t.Renewers {
		d.Renewers = append(d.Renewers, kmsg.DescribeDelegationTokenResponseTokenDetailRenewer{PrincipalType: p.Type, PrincipalName: p.Name})
	}
	return d
}

// milliseconds is a number of milliseconds as a duration; what is too long for one is the longest.
func milliseconds(n int64) time.Duration {
	// A Duration has nanoseconds, so that 292 years are its most; the wire allows a million times
	// that.
	if n > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	if n < 0 {
		return -1
	}
	return time.Duration(n) * time.Millisecond
}
