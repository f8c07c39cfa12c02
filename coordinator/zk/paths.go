package zk

import (
	"net/url"
	"strconv"
	"strings"

	"momus/internal/model"
)

// The fixed paths (Kafka's ZkData).
const (
	ConsumersPath          = "/consumers"
	BrokerIDsPath          = "/brokers/ids"
	TopicsPath             = "/brokers/topics"
	SequencePath           = "/brokers/seqid"
	ControllerPath         = "/controller"
	ControllerEpochPath    = "/controller_epoch"
	ConfigChangesPath      = "/config/changes"
	DeleteTopicsPath       = "/admin/delete_topics"
	ReassignPartitionsPath = "/admin/reassign_partitions"
	PreferredElectionPath  = "/admin/preferred_replica_election"
	ISRChangesPath         = "/isr_change_notification"
	LogDirEventsPath       = "/log_dir_event_notification"
	ProducerIDBlockPath    = "/latest_producer_id_block"
	ClusterIDPath          = "/cluster/id"
	configChangePrefix     = ConfigChangesPath + "/config_change_"
	isrChangePrefix        = ISRChangesPath + "/isr_change_"
	logDirEventPrefix      = LogDirEventsPath + "/log_dir_event_"
)

// DefaultEntity is the name of the entity whose configs apply to all of its type.
const DefaultEntity = "<default>"

// EntityType is a kind of config entity, named as in the path.
type EntityType string

// The config entity types.
const (
	EntityTopics  EntityType = "topics"
	EntityClients EntityType = "clients"
	EntityUsers   EntityType = "users"
	EntityBrokers EntityType = "brokers"
)

// BrokerPath is the registration of a broker.
func BrokerPath(id int32) string { return BrokerIDsPath + "/" + strconv.Itoa(int(id)) }

// TopicPath is the assignment of a topic.
func TopicPath(topic string) string { return TopicsPath + "/" + topic }

// PartitionsPath is the parent of the partitions of a topic.
func PartitionsPath(topic string) string { return TopicPath(topic) + "/partitions" }

// PartitionPath is the parent of a partition's state.
func PartitionPath(tp model.TopicPartition) string {
	return PartitionsPath(tp.Topic) + "/" + strconv.Itoa(int(tp.Partition))
}

// StatePath is the leadership record of a partition.
func StatePath(tp model.TopicPartition) string { return PartitionPath(tp) + "/state" }

// DeleteTopicPath is the wish to delete a topic.
func DeleteTopicPath(topic string) string { return DeleteTopicsPath + "/" + topic }

// ConfigPath is the node of a config entity; entity is the (encoded) rest of the path, as in change
// notifications.
func ConfigPath(t EntityType, entity string) string { return "/config/" + string(t) + "/" + entity }

// SanitizeEntity encodes a user or client name for a path: Java's URL encoding with * and +
// replaced.
func SanitizeEntity(name string) string {
	// The default entity is no name of a user: it stands in the path as it is.
	if name == DefaultEntity {
		return name
	}
	// Go leaves ~ alone, Java encodes it; Java leaves * alone.
	s := url.QueryEscape(name)
	s = strings.ReplaceAll(s, "+", "%20")
	s = strings.ReplaceAll(s, "*", "%2A")
	return strings.ReplaceAll(s, "~", "%7E")
}

// DesanitizeEntity is the inverse of SanitizeEntity; malformed escapes are left as they are.
func DesanitizeEntity(name string) string {
	if s, err := url.QueryUnescape(name); err == nil {
		return s
	}
	return name
}

// topLevelPaths are created by every broker at start, in this order.
var topLevelPaths = [...]string{
	ConsumersPath, BrokerIDsPath, TopicsPath, ConfigChangesPath, DeleteTopicsPath, SequencePath, ISRChangesPath,
	ProducerIDBlockPath, LogDirEventsPath, "/config/topics", "/config/clients", "/config/users", "/config/brokers",
}
