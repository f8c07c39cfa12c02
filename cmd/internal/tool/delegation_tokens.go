package tool

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const delegationTokenCommand = "kafka.admin.DelegationTokenCommand$"

func delegationTokensOptions() *options {
	o := newOptions("This tool helps to create, renew, expire, or describe delegation tokens.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to ask")
	o.value("command-config", "FILE", "properties of the client; brokers give tokens to authenticated clients only")
	o.flag("create", "create a token")
	o.flag("renew", "renew a token")
	o.flag("expire", "let a token expire")
	o.flag("describe", "show the tokens that one may see")
	o.optional("owner-principal", "TYPE:NAME", "show only tokens of this owner; may be repeated")
	o.optional("renewer-principal", "TYPE:NAME", "who may renew the token besides its owner; may be repeated")
	period := func(name, help string) {
		o.add(&option{name: name, arg: "MS", help: help, optional: true, numeric: true})
	}
	period("max-life-time-period", "how long the token can be renewed; -1 for the broker's setting")
	period("renew-time-period", "how long the token is to live on; -1 for the broker's setting")
	period("expiry-time-period", "when the token is to expire; -1 for now")
	o.optional("hmac", "HMAC", "the token, as it was shown when it was created")
	return o.standard()
}

// registerDelegationTokens is kafka-delegation-tokens.sh.
func registerDelegationTokens() Tool {
	return Tool{Name: "kafka-delegation-tokens", Help: "create, renew, expire and show delegation tokens", run: delegationTokens,
		Class:   "kafka.admin.DelegationTokenCommand",
		Options: tableOf(delegationTokensOptions)}
}

func delegationTokens(ctx context.Context, c *call) error {
	o := delegationTokensOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	actions := []string{}
	for _, a := range []string{"create", "renew", "expire", "describe"} {
		if o.has(a) {
			actions = append(actions, a)
		}
	}
	if len(actions) != 1 {
		return misuse("Command must include exactly one action: --create, --renew, --expire or --describe")
	}
	if err := checkTokenOptions(o, actions[0]); err != nil {
		return err
	}
	texts, err := o.texts("bootstrap-server", "command-config", "hmac")
	if err != nil {
		return err
	}
	a, err := c.adminFor(texts["bootstrap-server"], texts["command-config"], nil)
	if err != nil {
		return err
	}
	defer a.Close()
	s := &tokenService{c: c, o: o, admin: a, hmac: texts["hmac"]}
	err = map[string]func(context.Context) error{"create": s.create, "renew": s.renew, "expire": s.expire, "describe": s.describe}[actions[0]](ctx)
	if err = javaOf(err); err == nil || ctx.Err() != nil {
		return err
	}
	c.printf("Error while executing delegation token command : %s\n", err)
	c.log("ERROR", delegationTokenCommand, "%s\n", javaText(err))
	return exit(1)
}

func checkTokenOptions(o *options, action string) error {
	required := map[string][]string{
		"create": {"max-life-time-period"}, "renew": {"hmac", "renew-time-period"}, "expire": {"hmac", "expiry-time-period"},
	}
	if err := o.require(append([]string{"bootstrap-server", "command-config"}, required[action]...)...); err != nil {
		return err
	}
	return o.excludeAll([]rule{
		{"create", []string{"hmac", "renew-time-period", "expiry-time-period", "owner-principal"}},
		{"renew", []string{"renewer-principal", "max-life-time-period", "expiry-time-period", "owner-principal"}},
		{"expire", []string{"renew", "max-life-time-period", "renew-time-period", "owner-principal"}},
		{"describe", []string{"renew-time-period", "max-life-time-period", "hmac", "expiry-time-period"}},
	})
}

// tokenService is one run of the tool.
type tokenService struct {
	c     *call
	o     *options
	admin *adminClient
	hmac  string
}

// principal is type:name.
type principal struct{ kind, name string }

func (p principal) String() string { return p.kind + ":" + p.name }

func principalsText(ps []principal) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (s *tokenService) principals(option string) ([]principal, error) {
	var out []principal
	for _, w := range trimmed(s.o.all(option)) {
		kind, name, ok := strings.Cut(w, ":")
		if !ok {
			return nil, illegalArgument("expected a string in format principalType:principalName but got %s", w)
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

func (s *tokenService) show(tokens ...token) {
	const row = "\n%-15s %-30s %-15s %-25s %-15s %-15s %-15s"
	s.c.printf(row, "TOKENID", "HMAC", "OWNER", "RENEWERS", "ISSUEDATE", "EXPIRYDATE", "MAXDATE")
	for _, t := range tokens {
		s.c.printf(row+"\n", t.id, base64.StdEncoding.EncodeToString(t.hmac), t.owner, principalsText(t.renewers), minute(t.issued), minute(t.expires), minute(t.livesTo))
	}
}

// minute is a time in the local zone, to the minute.
func minute(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02T15:04") }

func (s *tokenService) create(ctx context.Context) error {
	renewers, err := s.principals("renewer-principal")
	if err != nil {
		return err
	}
	life, err := s.o.number("max-life-time-period", 64)
	if err != nil {
		return err
	}
	s.c.printf("Calling create token operation with renewers :%s , max-life-time-period :%d\n", principalsText(renewers), life)
	s.c.out.Flush()
	req := kmsg.NewPtrCreateDelegationTokenRequest()
	req.MaxLifetimeMillis = life
	for _, r := range renewers {
		x := kmsg.NewCreateDelegationTokenRequestRenewer()
		x.PrincipalType, x.PrincipalName = r.kind, r.name
		req.Renewers = append(req.Renewers, x)
	}
	resp, err := request[*kmsg.CreateDelegationTokenResponse](ctx, s.admin, "createDelegationToken", req)
	if err != nil {
		return execution(err)
	}
	if err := apiError(resp.ErrorCode, nil); err != nil {
		return execution(err)
	}
	s.c.printf("Created delegation token with tokenId : %s\n", resp.TokenID)
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
		return nil, illegalArgument("Illegal base64 character %x", s[at])
	}
	if out, err = base64.RawStdEncoding.DecodeString(s); err == nil { // Java does not ask for the padding
		return out, nil
	}
	return nil, illegalArgument("Input byte array has wrong 4-byte ending unit")
}

func (s *tokenService) renew(ctx context.Context) error {
	period, err := s.o.number("renew-time-period", 64)
	if err != nil {
		return err
	}
	s.c.printf("Calling renew token operation with hmac :%s , renew-time-period :%d\n", s.hmac, period)
	s.c.out.Flush()
	req := kmsg.NewPtrRenewDelegationTokenRequest()
	req.RenewTimeMillis = period
	if req.HMAC, err = decodeHMAC(s.hmac); err != nil {
		return err
	}
	resp, err := request[*kmsg.RenewDelegationTokenResponse](ctx, s.admin, "renewDelegationToken", req)
	if err != nil {
		return execution(err)
	}
	if err := apiError(resp.ErrorCode, nil); err != nil {
		return execution(err)
	}
	s.c.printf("Completed renew operation. New expiry date : %s\n", minute(resp.ExpiryTimestamp))
	return nil
}

func (s *tokenService) expire(ctx context.Context) error {
	period, err := s.o.number("expiry-time-period", 64)
	if err != nil {
		return err
	}
	s.c.printf("Calling expire token operation with hmac :%s , expire-time-period : %d\n", s.hmac, period)
	s.c.out.Flush()
	req := kmsg.NewPtrExpireDelegationTokenRequest()
	req.ExpiryPeriodMillis = period
	if req.HMAC, err = decodeHMAC(s.hmac); err != nil {
		return err
	}
	resp, err := request[*kmsg.ExpireDelegationTokenResponse](ctx, s.admin, "expireDelegationToken", req)
	if err != nil {
		return execution(err)
	}
	if err := apiError(resp.ErrorCode, nil); err != nil {
		return execution(err)
	}
	s.c.printf("Completed expire operation. New expiry date : %s\n", minute(resp.ExpiryTimestamp))
	return nil
}

func (s *tokenService) describe(ctx context.Context) error {
	owners, err := s.principals("owner-principal")
	if err != nil {
		return err
	}
	req := kmsg.NewPtrDescribeDelegationTokenRequest()
	if s.o.has("owner-principal") {
		s.c.printf("Calling describe token operation for owners :%s\n", principalsText(owners))
		req.Owners = []kmsg.DescribeDelegationTokenRequestOwner{}
	} else {
		s.c.println("Calling describe token operation for current user.")
	}
	s.c.out.Flush()
	for _, p := range owners {
		x := kmsg.NewDescribeDelegationTokenRequestOwner()
		x.PrincipalType, x.PrincipalName = p.kind, p.name
		req.Owners = append(req.Owners, x)
	}
	resp, err := request[*kmsg.DescribeDelegationTokenResponse](ctx, s.admin, "describeDelegationToken", req)
	if err != nil {
		return execution(err)
	}
	if err := apiError(resp.ErrorCode, nil); err != nil {
		return execution(err)
	}
	s.c.printf("Total number of tokens : %d\n", len(resp.TokenDetails))
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
