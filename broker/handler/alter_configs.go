package handler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/kerr"
)

// alterConfigs answers AlterConfigs, v0-v1, which replaces all overrides of a resource. Any broker
// serves topics; a broker's configs are served by that broker, the defaults of all brokers by any.
// Rights: Topic:AlterConfigs, else Cluster:AlterConfigs.
//
// Errors by resource: INVALID_REQUEST (bad value, not dynamic, another broker, unknown type,
// loggers), INVALID_CONFIG (unknown key of a topic), INVALID_TOPIC_EXCEPTION, UNKNOWN_SERVER_ERROR
// (no such topic), TOPIC_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED.
func alterConfigs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.AlterConfigsRequest)
	resp := kmsg.NewPtrAlterConfigsResponse()
	var refused error // the whole request is, for one of its resources
	for _, res := range req.Resources {
		if refused == nil && res.ResourceType == kmsg.ConfigResourceTypeBrokerLogger {
			refused = &admin.Error{Kind: kerr.InvalidRequest, Message: "AlterConfigs is deprecated and does not support the resource type BROKER_LOGGER"}
		} else if refused == nil {
			refused = unexpectedType(res.ResourceType)
		}
	}
	for _, res := range req.Resources {
		for _, c := range res.Configs {
			// v0 and v1 have a nullable value, but AlterConfigs of 2.5.0 fails on null while it
			// decodes, before anything is authorized; the connection is closed.
			if c.Value == nil { // Kafka fails to build the request
				return refuse(e, r, fmt.Errorf("config %s of %s has no value", c.Name, res.ResourceName))
			}
		}
	}
	last := lastNamed(req.Resources, func(res *kmsg.AlterConfigsRequestResource) configResource {
		return configResource{res.ResourceType, res.ResourceName}
	})
	for i, res := range req.Resources {
		if last[configResource{res.ResourceType, res.ResourceName}] != i {
			continue // of a resource that is named twice the last counts
		}
		err := refused
		if err == nil {
			err = e.mayAlterConfigs(r, res.ResourceType, res.ResourceName)
		}
		if err == nil {
			settings := map[string]string{}
			for _, c := range res.Configs {
				settings[c.Name] = *c.Value
			}
			err = e.setConfigs(ctx, res.ResourceType, res.ResourceName, settings, req.ValidateOnly)
		}
		if err != nil {
			e.logFailure("configs were not altered", res.ResourceName, err)
		}
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName, out.ErrorCode, out.ErrorMessage = knownResourceType(res.ResourceType), res.ResourceName, kerr.Code(err), message(err)
		resp.Resources = append(resp.Resources, out)
	}
	return Respond(resp)
}

// configResource is what a request about configs names a resource by.
type configResource struct {
	kind kmsg.ConfigResourceType
	name string
}

// lastNamed is where each resource of a request stands for the last time. It is a map because a
// request may name millions of resources, before anybody has looked at the sender's rights.
func lastNamed[T any](list []T, of func(*T) configResource) map[configResource]int {
	last := make(map[configResource]int, len(list))
	for i := range list {
		last[of(&list[i])] = i
	}
	return last
}

// unexpectedType is the error with which 2.5.0 refuses a whole request for a resource of a type
// that it does not know, nil for others.
func unexpectedType(t kmsg.ConfigResourceType) error {
	if javaResourceType(t) != unknownResourceType {
		return nil
	}
	return &admin.Error{Kind: kerr.InvalidRequest, Message: "Unexpected resource type " + unknownResourceType}
}

// mayAlterConfigs checks the rights to a resource of a known type.
func (e *Env) mayAlterConfigs(r *Request, t kmsg.ConfigResourceType, name string) error {
	switch t {
	case kmsg.ConfigResourceTypeTopic:
		if !e.allowed(r, acl.AlterConfigs, acl.Topic, name) {
			return withoutText(kerr.TopicAuthorizationFailed)
		}
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		if !e.allowed(r, acl.AlterConfigs, acl.Cluster, acl.ClusterName) {
			return withoutText(kerr.ClusterAuthorizationFailed)
		}
	}
	return nil
}

// setConfigs checks and writes the whole overrides of a topic or of brokers.
func (e *Env) setConfigs(ctx context.Context, t kmsg.ConfigResourceType, name string, settings map[string]string, validateOnly bool) error {
	if t == kmsg.ConfigResourceTypeTopic {
		if validateOnly {
			return e.Admin.CheckTopicConfig(ctx, name, settings)
		}
		return e.Admin.SetTopicConfig(ctx, name, settings)
	}
	entity, perBroker, err := e.brokerEntity(name)
	if err != nil {
		return err
	}
	err = e.Configs.ValidateBrokerUpdate(settings, perBroker)
	if err != nil {
		return &admin.Error{Kind: kerr.InvalidRequest,
			Message: fmt.Sprintf("Invalid config value for resource ConfigResource(type=BROKER, name='%s'): %s", name, err)}
	}
	if validateOnly {
		return nil
	}
	// After validation, which needs the plain text, and before the write: a password is never in
	// ZooKeeper in the clear. Without password.encoder.secret this is an error.
	if settings, err = e.Configs.EncodePasswords(settings); err != nil {
		return &admin.Error{Kind: kerr.InvalidRequest, Message: err.Error()}
	}
	return e.Admin.SetBrokerConfig(ctx, entity, settings)
}

// brokerEntity is the config entity of a broker resource: this broker, or the defaults of all.
func (e *Env) brokerEntity(name string) (entity string, perBroker bool, err error) {
	if name == "" {
		return zk.DefaultEntity, false, nil
	}
	if err := e.checkOwnResource(name, ","); err != nil {
		return "", false, err
	}
	return strconv.Itoa(int(e.BrokerID)), true, nil
}

// storedConfigs reads the overrides that an incremental change starts from.
func (e *Env) storedConfigs(ctx context.Context, t kmsg.ConfigResourceType, name string) (map[string]string, error) {
	if t == kmsg.ConfigResourceTypeTopic {
		if err := admin.ValidateTopicName(name); err != nil {
			return nil, err
		}
		return e.Admin.Store.Config(ctx, zk.EntityTopics, name)
	}
	entity, _, err := e.brokerEntity(name)
	if err != nil {
		return nil, err
	}
	return e.Admin.Store.Config(ctx, zk.EntityBrokers, entity)
}

// changeConfigs applies operations to a copy of the overrides.
func changeConfigs(t kmsg.ConfigResourceType, stored map[string]string, ops []kmsg.IncrementalAlterConfigsRequestResourceConfig) (map[string]string, error) {
	next := maps.Clone(stored)
	for _, op := range ops {
		value := ""
		if op.Value != nil {
			value = *op.Value
		}
		switch op.Op {
		case kmsg.IncrementalAlterConfigOpSet:
			next[op.Name] = value
		case kmsg.IncrementalAlterConfigOpDelete:
			delete(next, op.Name)
		case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
			changed, err := changeList(t, op, stored, value)
			if err != nil {
				return nil, err
			}
			next[op.Name] = changed
		default:
			return nil, errUnknownOperation
		}
	}
	return next, nil
}

// errUnknownOperation is an operation that does not exist; Kafka's text is that of a null pointer.
var errUnknownOperation error = &admin.Error{Kind: kerr.UnknownServerError, Message: "null"}

// changeList appends to or subtracts from a list. As in Kafka 2.5 a key that is not overridden yet
// fails: the default is no base.
func changeList(t kmsg.ConfigResourceType, op kmsg.IncrementalAlterConfigsRequestResourceConfig, stored map[string]string, value string) (string, error) {
	verb := "append"
	if op.Op == kmsg.IncrementalAlterConfigOpSubtract {
		verb = "subtract"
	}
	isList, known := isListKey(t, op.Name)
	if !known {
		return "", &admin.Error{Kind: kerr.UnknownServerError, Message: "key not found: " + op.Name}
	}
	if !isList {
		return "", &admin.Error{Kind: kerr.InvalidRequest, Message: fmt.Sprintf("Config value %s is not allowed for config key: %s", verb, op.Name)}
	}
	old, ok := stored[op.Name]
	if !ok {
		return "", fmt.Errorf("config value %s: %s has no override to start from", verb, op.Name)
	}
	list, change := javaSplit(old), javaSplit(value)
	if verb == "append" {
		return strings.Join(append(list, change...), ","), nil
	}
	for _, v := range change {
		if i := slices.Index(list, v); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	return strings.Join(list, ","), nil
}

// javaSplit splits at commas as Java's String.split does, which drops what is empty at the end: ","
// has no elements, and "" one.
func javaSplit(s string) []string {
	list := strings.Split(s, ",")
	for len(list) > 0 && list[len(list)-1] == "" && s != "" {
		list = list[:len(list)-1]
	}
	return list
}

// isListKey looks a key up among those of its kind of resource; known is false for keys that Kafka
// does not have, which may be stored for plugins but have no type.
func isListKey(t kmsg.ConfigResourceType, name string) (isList, known bool) {
	find := configs.BrokerKey
	if t == kmsg.ConfigResourceTypeTopic {
		find = configs.TopicKey
	}
	k, ok := find(name)
	return ok && k.Type == configs.List, ok
}
