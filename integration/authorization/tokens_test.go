package authorization

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// client is a client of franz-go on the listener of users.
func (u *broker) client(m sasl.Mechanism, opts ...kgo.Opt) *kgo.Client {
	u.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(u.users), kgo.SASL(m), kgo.RequestRetries(0), kgo.RecordRetries(1), kgo.RetryTimeout(5 * time.Second)}, opts...)...)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(cl.Close)
	return cl
}

// TestTokens makes, uses, renews and expires delegation tokens as clients do.
func TestTokens(t *testing.T) {
	u := startBroker(t, nil)
	u.createTopic("sec-t")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	alice := u.client(plain.Auth{User: "alice", Pass: "alicepw"}.AsMechanism())
	create := ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2)
	create.Renewers = []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "User", PrincipalName: "bob"}}
	made, err := create.RequestWith(ctx, alice)
	if err != nil || made.ErrorCode != 0 || made.PrincipalName != "alice" || len(made.HMAC) != 64 {
		t.Fatalf("%+v %v", made, err)
	}

	secret := scram.Auth{User: made.TokenID, Pass: base64.StdEncoding.EncodeToString(made.HMAC), IsToken: true}
	for name, m := range map[string]sasl.Mechanism{"SCRAM-SHA-256": secret.AsSha256Mechanism(), "SCRAM-SHA-512": secret.AsSha512Mechanism()} {
		token := u.client(m, kgo.DefaultProduceTopic("sec-t"))
		u.setGrants(nil)
		if err := token.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("%s: without rights of its owner a token may: %v", name, err)
		}
		u.setGrants([]grant{on(T, WRITE), on(C, IW)})
		if err := token.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Errorf("%s: a token has not the rights of its owner: %v", name, err)
		}
		for _, req := range []kmsg.Request{ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2), ver(kmsg.NewPtrDescribeDelegationTokenRequest(), 2)} {
			resp, err := token.Request(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			code := int16(0)
			switch r := resp.(type) {
			case *kmsg.CreateDelegationTokenResponse:
				code = r.ErrorCode
			case *kmsg.DescribeDelegationTokenResponse:
				code = r.ErrorCode
			}
			if code != kerr.DelegationTokenRequestNotAllowed.Code {
				t.Errorf("%s: a token gets token requests answered: %d", name, code)
			}
		}
	}
	logsIn := func(a scram.Auth) bool {
		t.Helper()
		_, err := ver(kmsg.NewPtrApiVersionsRequest(), 0).RequestWith(ctx, u.client(a.AsSha256Mechanism()))
		return err == nil
	}
	wrong, ordinary, unknown := secret, secret, secret
	wrong.Pass, ordinary.IsToken, unknown.User = base64.StdEncoding.EncodeToString(make([]byte, 64)), false, "unknown"
	for name, a := range map[string]scram.Auth{"a wrong secret": wrong, "a token as an ordinary user": ordinary, "an unknown token": unknown} {
		if logsIn(a) {
			t.Errorf("%s logs in", name)
		}
	}

	bob := u.client(plain.Auth{User: "bob", Pass: "bobpw"}.AsMechanism())
	renew := ver(&kmsg.RenewDelegationTokenRequest{HMAC: made.HMAC, RenewTimeMillis: 60000}, 2)
	if r, err := renew.RequestWith(ctx, bob); err != nil || r.ErrorCode != 0 || r.ExpiryTimestamp >= made.ExpiryTimestamp {
		t.Errorf("renewed by its renewer: %+v %v", r, err)
	}
	admin := u.client(plain.Auth{User: "admin", Pass: "adminpw"}.AsMechanism())
	if r, err := renew.RequestWith(ctx, admin); err != nil || r.ErrorCode != kerr.DelegationTokenOwnerMismatch.Code || r.ExpiryTimestamp != -1 {
		t.Errorf("renewed by a super user: %+v %v", r, err)
	}
	soon := ver(&kmsg.ExpireDelegationTokenRequest{HMAC: made.HMAC, ExpiryPeriodMillis: 0}, 2)
	if r, err := soon.RequestWith(ctx, alice); err != nil || r.ErrorCode != 0 {
		t.Errorf("expire: %+v %v", r, err)
	}
	u.eventually("an expired token does not log in", func() bool { return !logsIn(secret) })
	u.eventually("an expired token cannot be renewed", func() bool { // in its last millisecond it can
		r, err := ver(&kmsg.RenewDelegationTokenRequest{HMAC: made.HMAC, RenewTimeMillis: 0}, 2).RequestWith(ctx, bob)
		return err == nil && r.ErrorCode == kerr.DelegationTokenExpired.Code
	})
	if r, err := ver(kmsg.NewPtrDescribeDelegationTokenRequest(), 2).RequestWith(ctx, alice); err != nil || len(r.TokenDetails) != 1 || r.TokenDetails[0].Renewers[0].PrincipalName != "bob" {
		t.Errorf("an expired token that was not removed is listed: %+v %v", r, err)
	}
	resp, _ := u.admin.call(ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2))
	if r := resp.(*kmsg.CreateDelegationTokenResponse); r.ErrorCode != kerr.DelegationTokenRequestNotAllowed.Code || r.PrincipalName != "ANONYMOUS" {
		t.Errorf("over PLAINTEXT: %+v", r)
	}
}

// TestAConnectionEndsWithItsToken keeps connections of tokens that expire. Where sessions end, theirs
// end with the tokens; where they do not, nothing ends, as in Kafka.
func TestAConnectionEndsWithItsToken(t *testing.T) {
	for reauth, ends := range map[string]bool{"3600000": true, "0": false} {
		t.Run("connections.max.reauth.ms="+reauth, func(t *testing.T) {
			u := startBroker(t, map[string]string{"connections.max.reauth.ms": reauth})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			create := ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2)
			create.MaxLifetimeMillis = 1500
			made, err := create.RequestWith(ctx, u.client(plain.Auth{User: "alice", Pass: "alicepw"}.AsMechanism()))
			if err != nil || made.ErrorCode != 0 {
				t.Fatalf("%+v %v", made, err)
			}
			secret := scram.Auth{User: made.TokenID, Pass: base64.StdEncoding.EncodeToString(made.HMAC), IsToken: true}
			token := u.client(secret.AsSha256Mechanism()).SeedBrokers()[0] // one connection
			asks := func() bool {
				_, err := token.Request(ctx, ver(kmsg.NewPtrMetadataRequest(), 1))
				return err == nil
			}
			if !asks() {
				t.Fatal("a good token does not log in")
			}
			u.eventually("an expired token does not log in", func() bool {
				_, err := ver(kmsg.NewPtrMetadataRequest(), 1).RequestWith(ctx, u.client(secret.AsSha256Mechanism()))
				return err != nil
			})
			if got := asks(); got == ends {
				t.Errorf("the connection is answered: %v", got)
			}
		})
	}
}

// TestNoTokensWithoutAKey asks a broker without delegation.token.master.key.
func TestNoTokensWithoutAKey(t *testing.T) {
	u := startBroker(t, map[string]string{"delegation.token.master.key": ""})
	alice := login(t, u.users, "alice", "alicepw")
	create := ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2)
	code := func(r kmsg.Request) int16 {
		t.Helper()
		resp, _ := alice.call(r)
		switch r := resp.(type) {
		case *kmsg.CreateDelegationTokenResponse:
			return r.ErrorCode
		case *kmsg.RenewDelegationTokenResponse:
			return r.ErrorCode
		case *kmsg.ExpireDelegationTokenResponse:
			return r.ErrorCode
		case *kmsg.DescribeDelegationTokenResponse:
			return r.ErrorCode
		}
		t.Fatalf("%T", resp)
		return 0
	}
	disabled := kerr.DelegationTokenAuthDisabled.Code
	for _, r := range []kmsg.Request{create, ver(kmsg.NewPtrRenewDelegationTokenRequest(), 2), ver(kmsg.NewPtrExpireDelegationTokenRequest(), 2), ver(kmsg.NewPtrDescribeDelegationTokenRequest(), 2)} {
		if got := code(r); got != disabled {
			t.Errorf("%T: %d", r, got)
		}
	}
	create.Renewers = []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "Group", PrincipalName: "ops"}}
	if got := code(create); got != kerr.InvalidPrincipalType.Code {
		t.Errorf("a renewer that is no user: %d", got)
	}
}
