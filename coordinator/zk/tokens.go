package zk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"momus/internal/model"
)

// The nodes of delegation tokens (KIP-48): one node a token, and sequential nodes that tell brokers
// which have changed.
const (
	TokensPath        = "/delegation_token/tokens"
	TokenChangesPath  = "/delegation_token/token_changes"
	tokenChangePrefix = "token_change_"
)

// DelegationToken is what ZooKeeper keeps of a token: all but the secret, which brokers compute.
type DelegationToken struct {
	ID       string
	Owner    model.Principal
	Renewers []model.Principal
	// Issued, Expires and Max are in whole milliseconds. A token is renewed by moving Expires, at
	// most to Max.
	Issued, Expires, Max time.Time
}

type tokenJSON struct {
	Issued   int64    `json:"issueTimestamp"`
	Renewers []string `json:"renewers"`
	Max      int64    `json:"maxTimestamp"`
	Version  int      `json:"version"`
	TokenID  string   `json:"tokenId"`
	Owner    string   `json:"owner"`
	Expires  int64    `json:"expiryTimestamp"`
}

// EncodeToken is the JSON of a token's node.
func EncodeToken(t *DelegationToken) []byte {
	j := tokenJSON{
		Issued: t.Issued.UnixMilli(), Renewers: []string{}, Max: t.Max.UnixMilli(), Version: 1, TokenID: t.ID,
		Owner: SanitizeEntity(t.Owner.String()), Expires: t.Expires.UnixMilli(),
	}
	for _, r := range t.Renewers {
		j.Renewers = append(j.Renewers, SanitizeEntity(r.String()))
	}
	return encode(j)
}

// DecodeToken reads a token's node.
func DecodeToken(data []byte) (*DelegationToken, error) {
	j, err := decode[tokenJSON](data, "delegation token node")
	if err != nil {
		return nil, err
	}
	if j.Version != 1 {
		return nil, fmt.Errorf("delegation token node has version %d; valid is 1", j.Version)
	}
	if j.TokenID == "" {
		return nil, errors.New("delegation token node has no tokenId")
	}
	t := &DelegationToken{ID: j.TokenID, Issued: time.UnixMilli(j.Issued), Expires: time.UnixMilli(j.Expires), Max: time.UnixMilli(j.Max)}
	if t.Owner, err = model.ParsePrincipal(DesanitizeEntity(j.Owner)); err != nil {
		return nil, fmt.Errorf("delegation token node, owner: %w", err)
	}
	for _, r := range j.Renewers {
		p, err := model.ParsePrincipal(DesanitizeEntity(r))
		if err != nil {
			return nil, fmt.Errorf("delegation token node, renewer: %w", err)
		}
		t.Renewers = append(t.Renewers, p)
	}
	return t, nil
}

// TokenPath is the node of a token.
func TokenPath(id string) string { return TokensPath + "/" + id }

// CreateTokenPaths makes the parents of tokens and notifications, as brokers with a master key do
// at their start.
func (c *Client) CreateTokenPaths(ctx context.Context) error {
	for _, p := range []string{TokenChangesPath, TokensPath} {
		if err := c.makeSure(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// TokenIDs lists the tokens.
func (c *Client) TokenIDs(ctx context.Context) ([]string, error) {
	return c.sortedChildren(ctx, TokensPath)
}

// Token reads a token; nil when there is none.
func (c *Client) Token(ctx context.Context, id string) (*DelegationToken, error) {
	data, _, err := c.get(ctx, TokenPath(id))
	if errors.Is(err, ErrNoNode) || err == nil && len(data) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := DecodeToken(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TokenPath(id), err)
	}
	if t.ID != id {
		return nil, fmt.Errorf("%s holds another token", TokenPath(id))
	}
	return t, nil
}

// Tokens reads all tokens. One that cannot be read is left out with a warning: nobody can log in
// with it.
func (c *Client) Tokens(ctx context.Context) ([]*DelegationToken, error) {
	ids, err := c.TokenIDs(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*DelegationToken, len(ids))
	err = c.each(ctx, len(ids), func(ctx context.Context, i int) error {
		t, err := c.Token(ctx, ids[i])
		if err != nil && (ctx.Err() != nil || errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrClosed)) {
			return err
		}
		if err != nil {
			c.log.WithError(err).Warn("skipped a delegation token")
		}
		all[i] = t
		return nil
	})
	var out []*DelegationToken
	for _, t := range all {
		if t != nil {
			out = append(out, t)
		}
	}
	return out, err
}

// WriteToken writes a token, new or not, and notifies all brokers.
func (c *Client) WriteToken(ctx context.Context, t *DelegationToken) error {
	if err := c.setOrCreate(ctx, TokenPath(t.ID), EncodeToken(t)); err != nil {
		return err
	}
	return c.notifyToken(ctx, t.ID)
}

// DeleteToken removes a token, if it is there, and notifies all brokers.
func (c *Client) DeleteToken(ctx context.Context, id string) error {
	if err := c.remove(ctx, TokenPath(id), -1); err != nil && !errors.Is(err, ErrNoNode) {
		return err
	}
	return c.notifyToken(ctx, id)
}

// notifyToken comes after the change: brokers read the token anew. Without it, after a crash, they
// learn of the change at their next start.
func (c *Client) notifyToken(ctx context.Context, id string) error {
	_, err := c.createSequential(ctx, TokenChangesPath+"/"+tokenChangePrefix, []byte(id))
	return err
}

// NewTokenChangeReader makes the reader of token notifications.
func (c *Client) NewTokenChangeReader(now func() time.Time, changed func(ctx context.Context, id string) error) *ChangeReader {
	return c.NewChangeReader(TokenChangesPath, tokenChangePrefix, now, func(ctx context.Context, data []byte) error {
		return changed(ctx, string(data))
	})
}
