package broker

import (
	"context"
	"time"

	"momus/broker/security/sasl"
	"momus/broker/security/token"
)

// newTokens makes the delegation tokens, if there is a key to make them with; nil else.
func (b *Broker) newTokens() *token.Manager {
	c := b.config.Broker()
	if c.DelegationTokenMasterKey == "" {
		return nil
	}
	long := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	return token.New(token.Options{
		BrokerID: b.id, ZK: b.zk, MasterKey: c.DelegationTokenMasterKey,
		Limits: token.Limits{MaxLifetime: long(c.DelegationTokenMaxLifetimeMs), Expiry: long(c.DelegationTokenExpiryTimeMs)},
		// Only the controller's broker removes expired tokens; the others hear of it by the
		// notification.
		SweepInterval: long(c.DelegationTokenExpiryCheckIntervalMs), Active: func() bool { return b.control != nil && b.control.IsActive() },
		Logger: b.logFor("kafka.server.DelegationTokenManager"), Now: b.opts.Now,
	})
}

// tokenStore is where logins find tokens; nil without any.
func (b *Broker) tokenStore() sasl.TokenStore {
	if b.tokens == nil {
		return nil
	}
	return b.tokens
}

// startTokens reads the tokens and follows their changes.
func (b *Broker) startTokens(ctx context.Context, p *parts) error {
	if b.tokens == nil {
		return nil
	}
	if err := b.tokens.Start(ctx); err != nil {
		return err
	}
	p.run("delegation tokens", b.tokens.Run)
	return nil
}

// elected is called when this broker has become the active controller.
func (b *Broker) elected() {
	if b.tokens != nil {
		b.tokens.Elected()
	}
}
