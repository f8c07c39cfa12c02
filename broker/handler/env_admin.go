package handler

import (
	"time"

	"momus/broker/network"
	"momus/configs"
	"momus/coordinator/admin"
	"momus/coordinator/controller"
	"momus/internal/model"
)

// AdminEnv is what the APIs of topics, configs, reassignments and elections use, and those that
// speak to the controller (6, 7, 19, 20, 32, 33, 37, 43-46).
type AdminEnv struct {
	// Admin writes topics and configs to ZooKeeper.
	Admin *admin.Admin
	// Controller is this broker's controller, active or not.
	Controller *controller.Controller
	Configs    Configs
	// Loggers are the levels that BROKER_LOGGER resources show and change; nil: there are none.
	Loggers Loggers
	// OnFailedLogin hears of clients that could not prove who they are, OnThrottled of those whose
	// quota is used up, of bandwidth or of time; both may be nil.
	OnFailedLogin func(c *network.Conn, err error)
	OnThrottled   func(user, client string, forTime bool, d time.Duration)
	// OnPartitionsDeleted is told which partitions UpdateMetadata has removed; nil: nobody needs to
	// know.
	OnPartitionsDeleted func(tps []model.TopicPartition)
}

// Configs describes and validates configurations.
type Configs interface {
	// DescribeTopic shows the configs of a topic with these overrides, DescribeBroker those of this
	// broker, DescribeBrokerDefaults those that were set for all brokers; nil names are all.
	DescribeTopic(overrides map[string]string, names []string) []configs.Entry
	DescribeBroker(names []string) []configs.Entry
	DescribeBrokerDefaults(names []string) []configs.Entry
	// ValidateBrokerUpdate checks the whole dynamic configs of this broker or of all.
	ValidateBrokerUpdate(overrides map[string]string, perBroker bool) error
	// EncodePasswords encrypts the passwords among settings, for ZooKeeper.
	EncodePasswords(settings map[string]string) (map[string]string, error)
}

// Loggers are the log levels of the broker by logger name; the root logger is called "root". Levels
// are Kafka's: FATAL, ERROR, WARN, INFO, DEBUG, TRACE.
type Loggers interface {
	// Levels lists the effective levels by name.
	Levels() map[string]string
	// SetLevel changes a logger's level; "" removes its own, so that it takes its parent's. ok is
	// false when there is no such logger.
	SetLevel(name, level string) (ok bool)
}
