package handler

import (
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/metrics"
	"momus/broker/protocol"
	"momus/broker/quota"
	"momus/broker/security/token"
	"momus/configs"
)

// Env is what handlers use: the broker's parts, all safe for concurrent use, none changed after the
// Dispatcher was made. Each group of APIs has its own embedded part in its own file (env_group.go,
// env_admin.go, env_storage.go), so that an API's owner adds there what it needs.
type Env struct {
	BrokerID int32
	// Settings are those of the broker at the moment: they may change while it runs.
	Settings func() Settings
	// TopicConfig is the current snapshot of a topic's configuration (the broker's defaults for one
	// it does not know).
	TopicConfig func(topic string) *configs.Topic
	Logger      *logrus.Entry
	Now         func() time.Time
	// Authorizer is nil when authorizer.class.name is not set: everything is allowed.
	Authorizer Authorizer
	// Tokens are the delegation tokens; nil without delegation.token.master.key.
	Tokens *token.Manager
	// Metrics are those of RequestNames; New makes them when they are nil.
	Metrics *metrics.Metrics
	// Quotas are those of clients; nil: there are none.
	Quotas *quota.Set

	DataEnv
	GroupEnv
	AdminEnv
	StorageEnv
	TxnEnv
	SecurityEnv

	apis []protocol.API // rows of the table, in key order; set by New
}
