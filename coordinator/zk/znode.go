package zk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"momus/internal/model"
)

// encode is compact JSON without Go's HTML escaping, which would spell <default> differently from
// Kafka.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("znode of type %T cannot be encoded: %v", v, err)) // only plain structs, maps and strings come here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// decode is the inverse of encode; its error begins with what.
func decode[T any](data []byte, what string) (j T, err error) {
	if err := json.Unmarshal(data, &j); err != nil {
		return j, fmt.Errorf("%s: %w", what, err)
	}
	return j, nil
}

// required is a field that must be there; missing says of the node that it is not.
func required[T any](field *T, missing string, data []byte) (v T, err error) {
	if field == nil {
		return v, fmt.Errorf("%s: %.100s", missing, data)
	}
	return *field, nil
}

// Registration is /brokers/ids/<id> but for the id: what a broker says about itself.
type Registration struct {
	Endpoints []model.Endpoint
	Rack      string // "" for none
	JMXPort   int32  // -1 for none
	Timestamp int64  // ms since the epoch
	Version   int    // 4, or 2 below inter.broker.protocol.version 0.10.0-IV1
}

// brokerJSON is /brokers/ids/N in all its versions; what a version lacks is null or missing.
type brokerJSON struct {
	ProtocolMap map[string]string `json:"listener_security_protocol_map,omitempty"`
	Endpoints   []string          `json:"endpoints"`
	Rack        *string           `json:"rack,omitempty"`
	JMXPort     int32             `json:"jmx_port"`
	Host        *string           `json:"host"`
	Timestamp   json.RawMessage   `json:"timestamp,omitempty"`
	Port        int32             `json:"port"`
	Version     int               `json:"version"`
}

// EncodeBroker is the JSON of a registration. host and port are those of the first PLAINTEXT
// endpoint, for very old clients.
func EncodeBroker(r *Registration) []byte {
	j := brokerJSON{JMXPort: r.JMXPort, Port: -1, Version: r.Version, Endpoints: []string{}}
	j.Timestamp = encode(strconv.FormatInt(r.Timestamp, 10))
	if r.Version >= 4 {
		j.ProtocolMap = map[string]string{}
	}
	if r.Rack != "" && r.Version >= 3 {
		j.Rack = &r.Rack
	}
	for i := range r.Endpoints {
		e := &r.Endpoints[i]
		j.Endpoints = append(j.Endpoints, e.String())
		if j.ProtocolMap != nil {
			j.ProtocolMap[e.Listener] = e.Protocol.String()
		}
		if e.Protocol == model.Plaintext && j.Host == nil {
			j.Host, j.Port = &e.Host, e.Port
		}
	}
	return encode(&j)
}

// DecodeBroker reads versions 1 to 4 of /brokers/ids/<id>.
func DecodeBroker(id int32, data []byte) (*model.Broker, error) {
	j, err := decode[brokerJSON](data, fmt.Sprintf("registration of broker %d", id))
	if err != nil {
		return nil, err
	}
	if j.Version < 1 {
		return nil, fmt.Errorf("registration of broker %d has version %d, at least 1 is needed", id, j.Version)
	}
	b := &model.Broker{ID: id}
	if j.Rack != nil {
		b.Rack = *j.Rack
	}
	if j.Version == 1 {
		if j.Host == nil {
			return nil, fmt.Errorf("registration of broker %d, version 1, has no host", id)
		}
		b.Endpoints = []model.Endpoint{{Listener: "PLAINTEXT", Protocol: model.Plaintext, Host: *j.Host, Port: j.Port}}
		return b, nil
	}
	for _, s := range j.Endpoints {
		e, err := ParseEndpoint(s, j.ProtocolMap)
		if err != nil {
			return nil, fmt.Errorf("registration of broker %d: %w", id, err)
		}
		b.Endpoints = append(b.Endpoints, e)
	}
	return b, nil
}

// ParseEndpoint reads LISTENER://host:port; protocols maps listener names to security protocols,
// nil: the name is the protocol.
func ParseEndpoint(s string, protocols map[string]string) (model.Endpoint, error) {
	name, address, ok := strings.Cut(s, "://")
	colon := strings.LastIndexByte(address, ':')
	if !ok || colon < 0 {
		return model.Endpoint{}, fmt.Errorf("endpoint %q is not of the form LISTENER://host:port", s)
	}
	port, err := strconv.ParseInt(address[colon+1:], 10, 32)
	if err != nil {
		return model.Endpoint{}, fmt.Errorf("endpoint %q is not of the form LISTENER://host:port: %w", s, err)
	}
	protocolName := name
	if protocols != nil {
		if protocolName, ok = protocols[name]; !ok {
			return model.Endpoint{}, fmt.Errorf("endpoint %q: listener_security_protocol_map does not name %s", s, name)
		}
	}
	protocol, err := model.ParseSecurityProtocol(protocolName)
	if err != nil {
		return model.Endpoint{}, fmt.Errorf("endpoint %q: %w", s, err)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(address[:colon], "["), "]")
	return model.Endpoint{Listener: name, Protocol: protocol, Host: host, Port: int32(port)}, nil
}

// Assignments maps the partitions of a topic to their replicas.
type Assignments map[int32]model.Assignment

// Clone copies the map; the replica lists are shared, as nobody changes them in place.
func (a Assignments) Clone() Assignments {
	c := make(Assignments, len(a)+1)
	for p, as := range a {
		c[p] = as
	}
	return c
}

// Partitions lists the partition ids in order.
func (a Assignments) Partitions() []int32 {
	ids := make([]int32, 0, len(a))
	for p := range a {
		ids = append(ids, p)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return ids
}

type topicJSON struct {
	Version    int                `json:"version"`
	Partitions map[string][]int32 `json:"partitions"`
	Adding     map[string][]int32 `json:"adding_replicas"`
	Removing   map[string][]int32 `json:"removing_replicas"`
}

// EncodeTopic is the JSON of /brokers/topics/<topic>, version 2.
func EncodeTopic(a Assignments) []byte {
	j := topicJSON{Version: 2, Partitions: map[string][]int32{}, Adding: map[string][]int32{}, Removing: map[string][]int32{}}
	for p, as := range a {
		key := strconv.Itoa(int(p))
		j.Partitions[key] = notNil(as.Replicas)
		if len(as.Adding) > 0 {
			j.Adding[key] = as.Adding
		}
		if len(as.Removing) > 0 {
			j.Removing[key] = as.Removing
		}
	}
	return encode(&j)
}

// DecodeTopic reads any version of /brokers/topics/<topic>.
func DecodeTopic(topic string, data []byte) (Assignments, error) {
	j, err := decode[topicJSON](data, "assignment of topic "+topic)
	if err != nil {
		return nil, err
	}
	a := make(Assignments, len(j.Partitions))
	for key, replicas := range j.Partitions {
		p, err := strconv.ParseInt(key, 10, 32)
		if err != nil || p < 0 {
			return nil, fmt.Errorf("assignment of topic %s: %q is not a partition", topic, key)
		}
		a[int32(p)] = model.Assignment{Replicas: replicas, Adding: j.Adding[key], Removing: j.Removing[key]}
	}
	return a, nil
}

type stateJSON struct {
	ControllerEpoch int32   `json:"controller_epoch"`
	Leader          int32   `json:"leader"`
	Version         int     `json:"version"`
	LeaderEpoch     int32   `json:"leader_epoch"`
	ISR             []int32 `json:"isr"`
}

// EncodeState is the JSON of a partition's state node.
func EncodeState(s model.LeaderAndISR) []byte {
	return encode(&stateJSON{ControllerEpoch: s.ControllerEpoch, Leader: s.Leader, Version: 1, LeaderEpoch: s.LeaderEpoch, ISR: notNil(s.ISR)})
}

// DecodeState reads a partition's state node; version is the node's data version.
func DecodeState(data []byte, version int32) (model.LeaderAndISR, error) {
	j, err := decode[stateJSON](data, "partition state")
	if err != nil {
		return model.LeaderAndISR{}, err
	}
	return model.LeaderAndISR{
		Leader: j.Leader, LeaderEpoch: j.LeaderEpoch, ISR: j.ISR, ControllerEpoch: j.ControllerEpoch, ZKVersion: version,
	}, nil
}

type controllerJSON struct {
	Version   int    `json:"version"`
	BrokerID  *int32 `json:"brokerid"`
	Timestamp any    `json:"timestamp"`
}

// EncodeController is the JSON of /controller.
func EncodeController(brokerID int32, nowMs int64) []byte {
	return encode(&controllerJSON{Version: 1, BrokerID: &brokerID, Timestamp: strconv.FormatInt(nowMs, 10)})
}

// DecodeController reads the broker id in /controller.
func DecodeController(data []byte) (int32, error) {
	j, err := decode[controllerJSON](data, "/controller")
	if err != nil {
		return 0, err
	}
	return required(j.BrokerID, "/controller has no brokerid", data)
}

type configJSON struct {
	Version int               `json:"version"`
	Config  map[string]string `json:"config"`
}

// EncodeConfig is the JSON of a config node; all values are strings.
func EncodeConfig(overrides map[string]string) []byte {
	if overrides == nil {
		overrides = map[string]string{}
	}
	return encode(&configJSON{Version: 1, Config: overrides})
}

// DecodeConfig reads a config node. As in Kafka no data and data that is not JSON mean no
// overrides; a value that is not a string is an error.
func DecodeConfig(data []byte) (map[string]string, error) {
	if len(data) == 0 || !json.Valid(data) {
		return map[string]string{}, nil
	}
	j, err := decode[configJSON](data, "config node")
	if err != nil {
		return nil, err
	}
	if j.Config == nil {
		j.Config = map[string]string{}
	}
	return j.Config, nil
}

// ConfigChange names the entity whose config node was written. Entity is the encoded rest of the
// path.
type ConfigChange struct {
	Type   EntityType
	Entity string
}

type configChangeJSON struct {
	Version    int     `json:"version"`
	EntityPath *string `json:"entity_path,omitempty"`
	EntityType string  `json:"entity_type,omitempty"` // version 1
	EntityName *string `json:"entity_name,omitempty"` // version 1
}

// EncodeConfigChange is the JSON of a change notification, version 2.
func EncodeConfigChange(ch ConfigChange) []byte {
	path := string(ch.Type) + "/" + ch.Entity
	return encode(&configChangeJSON{Version: 2, EntityPath: &path})
}

// DecodeConfigChange reads versions 1 and 2.
func DecodeConfigChange(data []byte) (ConfigChange, error) {
	j, err := decode[configChangeJSON](data, "config change notification")
	if err != nil {
		return ConfigChange{}, err
	}
	var ch ConfigChange
	switch {
	case j.Version == 1 && j.EntityName != nil:
		ch = ConfigChange{EntityType(j.EntityType), *j.EntityName}
		if ch.Type != EntityTopics && ch.Type != EntityClients {
			return ConfigChange{}, fmt.Errorf("config change notification of version 1 has entity_type %q; valid are topics and clients", j.EntityType)
		}
	case j.Version == 2 && j.EntityPath != nil:
		kind, entity, ok := strings.Cut(*j.EntityPath, "/")
		if !ok || entity == "" {
			return ConfigChange{}, fmt.Errorf("config change notification has entity_path %q without an entity", *j.EntityPath)
		}
		ch = ConfigChange{EntityType(kind), entity}
	default:
		return ConfigChange{}, fmt.Errorf("config change notification has version %d or lacks its entity; valid are 1 and 2: %.100s", j.Version, data)
	}
	switch ch.Type {
	case EntityTopics, EntityClients, EntityUsers, EntityBrokers:
		return ch, nil
	}
	return ConfigChange{}, fmt.Errorf("config change notification for unknown entity type %q", ch.Type)
}

type partitionJSON struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

type partitionsJSON struct {
	Version    int             `json:"version"`
	Partitions []partitionJSON `json:"partitions"`
}

// EncodePartitions is the JSON of ISR change notifications and of
// /admin/preferred_replica_election.
func EncodePartitions(tps []model.TopicPartition) []byte {
	j := partitionsJSON{Version: 1, Partitions: []partitionJSON{}}
	for _, tp := range tps {
		j.Partitions = append(j.Partitions, partitionJSON{tp.Topic, tp.Partition})
	}
	return encode(&j)
}

// DecodePartitions is the inverse of EncodePartitions.
func DecodePartitions(data []byte) ([]model.TopicPartition, error) {
	j, err := decode[partitionsJSON](data, "list of partitions")
	if err != nil {
		return nil, err
	}
	tps := make([]model.TopicPartition, 0, len(j.Partitions))
	for _, p := range j.Partitions {
		tps = append(tps, model.TopicPartition{Topic: p.Topic, Partition: p.Partition})
	}
	return tps, nil
}

// Reassignment is one entry of /admin/reassign_partitions.
type Reassignment struct {
	model.TopicPartition
	Replicas []int32
}

type reassignJSON struct {
	Version    int                 `json:"version"`
	Partitions []reassignEntryJSON `json:"partitions"`
}

type reassignEntryJSON struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas"`
}

// EncodeReassignments is the JSON of /admin/reassign_partitions.
func EncodeReassignments(rs []Reassignment) []byte {
	j := reassignJSON{Version: 1, Partitions: []reassignEntryJSON{}}
	for _, r := range rs {
		j.Partitions = append(j.Partitions, reassignEntryJSON{r.Topic, r.Partition, notNil(r.Replicas)})
	}
	return encode(&j)
}

// DecodeReassignments reads /admin/reassign_partitions. As in Kafka an unknown key makes the whole
// document invalid.
func DecodeReassignments(data []byte) ([]Reassignment, error) {
	var j reassignJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, fmt.Errorf("/admin/reassign_partitions: %w", err)
	}
	rs := make([]Reassignment, 0, len(j.Partitions))
	for _, p := range j.Partitions {
		rs = append(rs, Reassignment{model.TopicPartition{Topic: p.Topic, Partition: p.Partition}, p.Replicas})
	}
	return rs, nil
}

// logDirFailure is the only event of a log directory.
const logDirFailure = 1

type logDirEventJSON struct {
	Version int    `json:"version"`
	Broker  *int32 `json:"broker"`
	Event   int    `json:"event"`
}

// EncodeLogDirEvent is the JSON of a notification that a log directory of the broker has failed.
func EncodeLogDirEvent(brokerID int32) []byte {
	return encode(&logDirEventJSON{Version: 1, Broker: &brokerID, Event: logDirFailure})
}

// DecodeLogDirEvent reads whose log directory has failed.
func DecodeLogDirEvent(data []byte) (brokerID int32, err error) {
	j, err := decode[logDirEventJSON](data, "log directory event")
	if err != nil {
		return 0, err
	}
	return required(j.Broker, "log directory event names no broker", data)
}

// ProducerIDBlock is a block of producer ids, both ends included.
type ProducerIDBlock struct {
	Broker      int32
	First, Last int64
}

type producerIDBlockJSON struct {
	Version int    `json:"version"`
	Broker  int32  `json:"broker"`
	Start   string `json:"block_start"`
	End     string `json:"block_end"`
}

// EncodeProducerIDBlock is the JSON of /latest_producer_id_block.
func EncodeProducerIDBlock(b ProducerIDBlock) []byte {
	return encode(&producerIDBlockJSON{Version: 1, Broker: b.Broker, Start: strconv.FormatInt(b.First, 10), End: strconv.FormatInt(b.Last, 10)})
}

// DecodeProducerIDBlock is the inverse of EncodeProducerIDBlock.
func DecodeProducerIDBlock(data []byte) (ProducerIDBlock, error) {
	j, err := decode[producerIDBlockJSON](data, "producer id block")
	if err != nil {
		return ProducerIDBlock{}, err
	}
	first, err := strconv.ParseInt(j.Start, 10, 64)
	if err != nil {
		return ProducerIDBlock{}, fmt.Errorf("producer id block: block_start: %w", err)
	}
	last, err := strconv.ParseInt(j.End, 10, 64)
	if err != nil {
		return ProducerIDBlock{}, fmt.Errorf("producer id block: block_end: %w", err)
	}
	return ProducerIDBlock{j.Broker, first, last}, nil
}

type clusterIDJSON struct {
	Version string `json:"version"`
	ID      string `json:"id"`
}

// EncodeClusterID is the JSON of /cluster/id; its version is a string.
func EncodeClusterID(id string) []byte { return encode(&clusterIDJSON{"1", id}) }

// DecodeClusterID is the inverse of EncodeClusterID.
func DecodeClusterID(data []byte) (string, error) {
	j, err := decode[clusterIDJSON](data, "/cluster/id")
	if err != nil {
		return "", err
	}
	if j.ID == "" {
		return "", fmt.Errorf("/cluster/id has no id: %.100s", data)
	}
	return j.ID, nil
}

func notNil(s []int32) []int32 {
	if s == nil {
		return []int32{}
	}
	return s
}
