// Package delegationtokens is kafka-delegation-tokens (KIP-48).
package delegationtokens

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
)

// delegationTokenCommand is the logger of the tool.
const delegationTokenCommand = "kafka.admin.DelegationTokenCommand$"

// delegationTokensOptions are those of kafka.admin.DelegationTokenCommand (KIP-48). Periods may be
// negative numbers, which must not be taken for options.
func delegationTokensOptions() *options.Options {
	return options.Read("This tool helps to create, renew, expire, or describe delegation tokens.", `
		--bootstrap-server <HOST:PORT,…>  brokers to ask
		--command-config <FILE>           properties of the client; brokers give tokens to authenticated clients only
		--create                          create a token
		--renew                           renew a token
		--expire                          let a token expire
		--describe                        show the tokens that one may see
		--owner-principal [TYPE:NAME]     show only tokens of this owner; may be repeated
		--renewer-principal [TYPE:NAME]   who may renew the token besides its owner; may be repeated
		--max-life-time-period [MS]       how long the token can be renewed; -1 for the broker's setting
		--renew-time-period [MS]          how long the token is to live on; -1 for the broker's setting
		--expiry-time-period [MS]         when the token is to expire; -1 for now
		--hmac [HMAC]                     the token, as it was shown when it was created
	`).Numeric("max-life-time-period", "renew-time-period", "expiry-time-period").Standard().Checks(checkTokenOptions)
}

// Tool is kafka-delegation-tokens.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-delegation-tokens", Help: "create, renew, expire and show delegation tokens", Class: "kafka.admin.DelegationTokenCommand"}.
		Begun(delegationTokensOptions, clients.WithAdmin(delegationTokens))
}

// delegationTokens prints a failure on standard output and logs it, as Kafka does, with the exit
// code 1.
func delegationTokens(ctx context.Context, c *core.Call, o *options.Options, a *clients.Admin) error {
	s := &tokenService{c: c, o: o, admin: a}
	actions := map[string]func(context.Context) error{"create": s.create, "renew": s.renew, "expire": s.expire, "describe": s.describe}
	err := java.Of(actions[o.Given("create", "renew", "expire", "describe")[0]](ctx))
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.Printf("Error while executing delegation token command : %s\n", err)
	c.Log("ERROR", delegationTokenCommand, "%s\n", java.Text(err))
	c.Failure = err
	return core.Exit(1)
}

// checkTokenOptions refuses what an action does not take, and asks for what it needs.
func checkTokenOptions(o *options.Options) error {
	actions := o.Given("create", "renew", "expire", "describe")
	if len(actions) != 1 {
		return options.Misuse("Command must include exactly one action: --create, --renew, --expire or --describe")
	}
	required := map[string][]string{
		"create": {"max-life-time-period"}, "renew": {"hmac", "renew-time-period"}, "expire": {"hmac", "expiry-time-period"},
	}
	if err := o.Require(append([]string{"bootstrap-server", "command-config"}, required[actions[0]]...)...); err != nil {
		return err
	}
	return o.ExcludeAll([]options.Rule{
		{Name: "create", Others: []string{"hmac", "renew-time-period", "expiry-time-period", "owner-principal"}},
		{Name: "renew", Others: []string{"renewer-principal", "max-life-time-period", "expiry-time-period", "owner-principal"}},
		{Name: "expire", Others: []string{"renew", "max-life-time-period", "renew-time-period", "owner-principal"}},
		{Name: "describe", Others: []string{"renew-time-period", "max-life-time-period", "hmac", "expiry-time-period"}},
	})
}

// tokenService is one run of the tool.
type tokenService struct {
	c     *core.Call
	o     *options.Options
	admin *clients.Admin
}

// ask sends a request; code is where its answer has the error.
func ask[R kmsg.Response](ctx context.Context, s *tokenService, call string, req kmsg.Request, code func(R) int16) (R, error) {
	resp, err := clients.Request[R](ctx, s.admin, call, req)
	if err != nil {
		return resp, err
	}
	if err := java.OfCode(code(resp), nil); err != nil {
		return resp, err
	}
	return resp, nil
}

// principal is type:name.
type principal struct{ kind, name string }

// String is KafkaPrincipal.toString.
func (p principal) String() string { return p.kind + ":" + p.name }

// principalsText lists principals as a java.util.List does.
func principalsText(ps []principal) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// principals reads the values of an option; a name may have colons, a type has none.
func (s *tokenService) principals(option string) ([]principal, error) {
	var out []principal
	for _, w := range core.Trimmed(s.o.All(option)) {
		kind, name, ok := strings.Cut(w, ":")
		if !ok {
			return nil, java.IllegalArgument("expected a string in format principalType:principalName but got %s", w)
		}
		out = append(out, principal{kind, name})
	}
	return out, nil
}

// token is a delegation token as it is shown.
type token struct {
	id                       string
	hmac                     []byte
	owner                    principal
	renewers                 []principal
	issued, expires, livesTo int64 // ms
}

// show prints Kafka's table. The HMAC is in it as in Kafka's: it is what renewing a token, and
// logging in with it, takes.
func (s *tokenService) show(tokens ...token) {
	const row = "\n%-15s %-30s %-15s %-25s %-15s %-15s %-15s"
	s.c.Printf(row, "TOKENID", "HMAC", "OWNER", "RENEWERS", "ISSUEDATE", "EXPIRYDATE", "MAXDATE")
	for _, t := range tokens {
		s.c.Printf(row+"\n", t.id, base64.StdEncoding.EncodeToString(t.hmac), t.owner, principalsText(t.renewers), minute(t.issued), minute(t.expires), minute(t.livesTo))
	}
}

// minute is a time in the local zone, to the minute.
func minute(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02T15:04") }

// create asks for a token of one's own; who may renew it besides is given by --renewer-principal.
func (s *tokenService) create(ctx context.Context) error {
	renewers, err := s.principals("renewer-principal")
	if err != nil {
		return err
	}
	life, err := s.o.Number("max-life-time-period", 64)
	if err != nil {
		return err
	}
	s.c.Printf("Calling create token operation with renewers :%s , max-life-time-period :%d\n", principalsText(renewers), life)
	s.c.Out.Flush()
	req := kmsg.NewPtrCreateDelegationTokenRequest()
	req.MaxLifetimeMillis = life
	for _, r := range renewers {
		x := kmsg.NewCreateDelegationTokenRequestRenewer()
		x.PrincipalType, x.PrincipalName = r.kind, r.name
		req.Renewers = append(req.Renewers, x)
	}
	resp, err := ask(ctx, s, "createDelegationToken", req, func(r *kmsg.CreateDelegationTokenResponse) int16 { return r.ErrorCode })
	if err != nil {
		return java.Execution(err)
	}
	s.c.Printf("Created delegation token with tokenId : %s\n", resp.TokenID)
	s.show(token{resp.TokenID, resp.HMAC, principal{resp.PrincipalType, resp.PrincipalName}, renewers, resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp})
	return nil
}

// decodeHMAC reads Base64 with the words of Java's decoder.
func decodeHMAC(s string) ([]byte, error) {
	out, err := base64.StdEncoding.DecodeString(s)
	if err == nil {
		return out, nil
	}
	var at base64.CorruptInputError
	if errors.As(err, &at) && int(at) < len(s) && s[at] != '=' {
		return nil, java.IllegalArgument("Illegal base64 character %x", s[at])
	}
	if out, err = base64.RawStdEncoding.DecodeString(s); err == nil { // Java does not ask for the padding
		return out, nil
	}
	return nil, java.IllegalArgument("Input byte array has wrong 4-byte ending unit")
}

// renew lets a token live on for the period, up to its maximum.
func (s *tokenService) renew(ctx context.Context) error {
	return s.reschedule("renew", "renew-time-period", "renew-time-period :%d", func(hmac []byte, period int64) (int64, error) {
		req := kmsg.NewPtrRenewDelegationTokenRequest()
		req.HMAC, req.RenewTimeMillis = hmac, period
		resp, err := ask(ctx, s, "renewDelegationToken", req, func(r *kmsg.RenewDelegationTokenResponse) int16 { return r.ErrorCode })
		if err != nil {
			return 0, err
		}
		return resp.ExpiryTimestamp, nil
	})
}

// expire sets when a token ends; a negative period ends it now.
func (s *tokenService) expire(ctx context.Context) error {
	return s.reschedule("expire", "expiry-time-period", "expire-time-period : %d", func(hmac []byte, period int64) (int64, error) {
		req := kmsg.NewPtrExpireDelegationTokenRequest()
		req.HMAC, req.ExpiryPeriodMillis = hmac, period
		resp, err := ask(ctx, s, "expireDelegationToken", req, func(r *kmsg.ExpireDelegationTokenResponse) int16 { return r.ErrorCode })
		if err != nil {
			return 0, err
		}
		return resp.ExpiryTimestamp, nil
	})
}

// reschedule is what renew and expire have in common: they send the token and a period, and are
// told when the token ends now, in ms. The line that is printed first has the HMAC as it was given;
// only then is it decoded, so that a bad one is told behind that line.
func (s *tokenService) reschedule(action, option, period string, send func(hmac []byte, period int64) (expires int64, err error)) error {
	hmac, err := s.o.One("hmac")
	if err != nil {
		return err
	}
	ms, err := s.o.Number(option, 64)
	if err != nil {
		return err
	}
	s.c.Printf("Calling "+action+" token operation with hmac :%s , "+period+"\n", hmac, ms)
	s.c.Out.Flush()
	secret, err := decodeHMAC(hmac)
	if err != nil {
		return err
	}
	expires, err := send(secret, ms)
	if err != nil {
		return java.Execution(err)
	}
	s.c.Printf("Completed %s operation. New expiry date : %s\n", action, minute(expires))
	return nil
}

// describe lists the tokens that one may see: an empty list of owners is nobody's, none is
// everybody's.
func (s *tokenService) describe(ctx context.Context) error {
	owners, err := s.principals("owner-principal")
	if err != nil {
		return err
	}
	req := kmsg.NewPtrDescribeDelegationTokenRequest()
	if s.o.Has("owner-principal") {
		s.c.Printf("Calling describe token operation for owners :%s\n", principalsText(owners))
		req.Owners = []kmsg.DescribeDelegationTokenRequestOwner{}
	} else {
		s.c.Println("Calling describe token operation for current user.")
	}
	s.c.Out.Flush()
	for _, p := range owners {
		x := kmsg.NewDescribeDelegationTokenRequestOwner()
		x.PrincipalType, x.PrincipalName = p.kind, p.name
		req.Owners = append(req.Owners, x)
	}
	resp, err := ask(ctx, s, "describeDelegationToken", req, func(r *kmsg.DescribeDelegationTokenResponse) int16 { return r.ErrorCode })
	if err != nil {
		return java.Execution(err)
	}
	s.c.Printf("Total number of tokens : %d\n", len(resp.TokenDetails))
	var tokens []token
	for _, d := range resp.TokenDetails {
		t := token{d.TokenID, d.HMAC, principal{d.PrincipalType, d.PrincipalName}, nil, d.IssueTimestamp, d.ExpiryTimestamp, d.MaxTimestamp}
		for _, r := range d.Renewers {
			t.renewers = append(t.renewers, principal{r.PrincipalType, r.PrincipalName})
		}
		tokens = append(tokens, t)
	}
	s.show(tokens...)
	return nil
}
