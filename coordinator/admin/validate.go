package admin

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// maxTopicName is what a topic's name may have at most, so that a directory topic-partition fits
// into 255 bytes.
const maxTopicName = 249

// ValidateTopicName checks a topic's name; the error is INVALID_TOPIC_EXCEPTION with Kafka's text.
func ValidateTopicName(name string) error {
	switch {
	case name == "":
		return fail(kerr.InvalidTopicException, "Topic name is illegal, it can't be empty")
	case name == "." || name == "..":
		return fail(kerr.InvalidTopicException, `Topic name cannot be "." or ".."`)
	case len(name) > maxTopicName:
		return fail(kerr.InvalidTopicException, "Topic name is illegal, it can't be longer than %d characters, topic name: %s", maxTopicName, name)
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fail(kerr.InvalidTopicException, `Topic name "%s" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`, name)
		}
	}
	return nil
}

// collides reports whether two names differ at most in '.' against '_', which metric names cannot
// tell apart.
func collides(a, b string) bool {
	return strings.ReplaceAll(a, ".", "_") == strings.ReplaceAll(b, ".", "_")
}

// collisions lists those of topics that collide with name, itself included.
func collisions(name string, topics []string) (found []string) {
	if !strings.ContainsAny(name, "._") {
		return nil
	}
	for _, t := range topics {
		if collides(name, t) {
			found = append(found, t)
		}
	}
	return found
}

// validateAssignment checks a whole topic's assignment given by a client: equally many replicas, no
// duplicates, ids 0 to n-1.
func validateAssignment(as zk.Assignments) error {
	sizes := map[int]bool{}
	for _, a := range as {
		sizes[len(a.Replicas)] = true
	}
	if len(sizes) != 1 {
		return fail(kerr.InvalidReplicaAssignment, "All partitions should have the same number of replicas")
	}
	for _, id := range as.Partitions() {
		if duplicate(as[id].Replicas) {
			return fail(kerr.InvalidReplicaAssignment, "Duplicate replica assignment found: %s", javaAssignment(as))
		}
	}
	for i, id := range as.Partitions() {
		if int32(i) != id {
			return fail(kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
	}
	return nil
}

func duplicate(ids []int32) bool {
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	return len(slices.Compact(sorted)) < len(ids)
}

// javaAssignment prints an assignment as Kafka's messages do.
func javaAssignment(as zk.Assignments) string {
	var parts []string
	for _, id := range as.Partitions() {
		parts = append(parts, fmt.Sprintf("%d -> %s", id, javaList(as[id].Replicas)))
	}
	return "Map(" + strings.Join(parts, ", ") + ")"
}

func javaList(ids []int32) string {
	return "ArrayBuffer(" + joinIDs(ids) + ")"
}

func joinIDs(ids []int32) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = fmt.Sprint(id)
	}
	return strings.Join(parts, ", ")
}

// ValidateNewConfig checks the overrides of a topic to create: INVALID_CONFIG with Kafka's text.
func ValidateNewConfig(overrides map[string]string) error {
	if err := configs.ValidateTopic(overrides); err != nil {
		return fail(kerr.InvalidConfig, "%s", err.Error())
	}
	return nil
}

// ValidateChangedConfig checks the overrides that a topic is to have: an unknown key and keys that
// contradict each other are INVALID_CONFIG, a bad value is INVALID_REQUEST, with Kafka's texts.
func ValidateChangedConfig(topic string, overrides map[string]string) error {
	err := configs.ValidateTopic(overrides)
	var unknown *configs.UnknownKeyError
	var conflict *configs.ConflictError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown), errors.As(err, &conflict):
		return fail(kerr.InvalidConfig, "%s", err.Error())
	}
	return fail(kerr.InvalidRequest, "Invalid config value for resource ConfigResource(type=TOPIC, name='%s'): %s", topic, err.Error())
}

// brokersByID is a sorted copy.
func brokersByID(brokers []*model.Broker) []*model.Broker {
	out := slices.Clone(brokers)
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}
