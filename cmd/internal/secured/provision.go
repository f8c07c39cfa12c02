package secured

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"momus/broker/security/sasl"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/coordinator/zk/zksasl"
)

// iterations of the password's hash: Kafka's default.
const iterations = 4096

// Provision writes the users and their rights into the coordination server, which brokers read them
// from when they start. It is done once; data that was made without protection is protected then.
func (c *Cluster) Provision(ctx context.Context, zookeeper string) error {
	if !c.fresh {
		return nil
	}
	client, err := zk.Dial(ctx, zk.Options{
		Connect: zookeeper, SessionTimeout: 10 * time.Second, SecureACLs: true,
		SASL: zksasl.Digest(zooKeeperUser, c.secrets.ZK), Who: "user " + zooKeeperUser + " of " + c.path(jaasFile),
	})
	if err != nil {
		return err
	}
	err = c.provision(ctx, client)
	if closed := client.Close(); err == nil {
		err = closed
	}
	return err
}

// provision writes users, then rights, and sets the ACLs of the nodes that were there before last.
func (c *Cluster) provision(ctx context.Context, client *zk.Client) error {
	if err := client.CreateTopLevelPaths(ctx); err != nil {
		return err
	}
	for user, password := range c.secrets.Users {
		if err := setPassword(ctx, client, user, password); err != nil {
			return fmt.Errorf("user %s: %w", user, err)
		}
	}
	if err := client.CreateACLPaths(ctx); err != nil {
		return err
	}
	for _, r := range rights() {
		err := client.ChangeACLs(ctx, r.Resource, func(old []acl.Entry) []acl.Entry { return append(old, r.Entries...) })
		if err != nil {
			return fmt.Errorf("rights on %s: %w", r.Resource.Name, err)
		}
	}
	if err := client.ResetACL(ctx, "/"); err != nil {
		return err
	}
	return client.ResetSecureRoots(ctx, nil)
}

// setPassword writes a user's credential beside what else is configured for the user.
func setPassword(ctx context.Context, client *zk.Client, user, password string) error {
	salt := make([]byte, 16)
	rand.Read(salt)
	credential, err := sasl.NewCredential(Mechanism, password, salt, iterations)
	if err != nil {
		return err
	}
	entity := zk.SanitizeEntity(user)
	config, err := client.Config(ctx, zk.EntityUsers, entity)
	if err != nil {
		return err
	}
	config[Mechanism] = credential.Stored()
	return client.SetConfig(ctx, zk.EntityUsers, entity, config)
}

// rights are what alice and bob may do: alice creates and writes topics, bob reads them in groups.
func rights() []zk.ResourceACLs {
	allow := func(user string, operations ...acl.Operation) (out []acl.Entry) {
		for _, o := range operations {
			out = append(out, acl.Entry{Principal: "User:" + user, Host: "*", Operation: o, Permission: acl.Allow})
		}
		return out
	}
	return []zk.ResourceACLs{
		{Resource: acl.Resource{Type: acl.Topic, Name: Prefix, Pattern: acl.Prefixed},
			Entries: append(allow(Alice, acl.Create, acl.Write, acl.Describe), allow(Bob, acl.Read, acl.Describe)...)},
		{Resource: acl.Resource{Type: acl.Group, Name: Prefix, Pattern: acl.Prefixed}, Entries: allow(Bob, acl.Read)},
		{Resource: acl.Resource{Type: acl.Cluster, Name: acl.ClusterName, Pattern: acl.Literal}, Entries: allow(Alice, acl.IdempotentWrite)},
	}
}
