package handler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/admin"
	"momus/internal/kerr"
)

// incrementalAlterConfigs answers IncrementalAlterConfigs, v0-v1 (KIP-339): SET, DELETE, APPEND and
// SUBTRACT on the stored overrides of topics and brokers, SET and DELETE on the levels of this
// broker's loggers (KIP-412). Rights and errors are those of AlterConfigs; besides INVALID_REQUEST
// for a key named twice, APPEND and SUBTRACT on what is no list, and everything that is wrong with
// a logger; UNKNOWN_SERVER_ERROR for APPEND and SUBTRACT where no override exists.
func incrementalAlterConfigs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.IncrementalAlterConfigsRequest)
	resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
	var refused error // the whole request is, for one of its resources
	for _, res := range req.Resources {
		if refused == nil {
			refused = unexpectedType(res.ResourceType)
		}
	}
	last := lastNamed(req.Resources, func(res *kmsg.IncrementalAlterConfigsRequestResource) configResource {
		return configResource{res.ResourceType, res.ResourceName}
	})
	for i := range req.Resources {
		res := &req.Resources[i]
		if refused == nil && last[configResource{res.ResourceType, res.ResourceName}] != i {
			continue // of a resource that is named twice the last counts
		}
		err := refused
		if err == nil {
			err = e.mayAlterConfigs(r, res.ResourceType, res.ResourceName)
		}
		if err == nil {
			err = e.alterIncrementally(ctx, res, req.ValidateOnly)
		}
		if err != nil {
			e.logFailure("configs were not altered", res.ResourceName, err)
		}
		out := kmsg.NewIncrementalAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName, out.ErrorCode, out.ErrorMessage = res.ResourceType, res.ResourceName, kerr.Code(err), message(err)
		resp.Resources = append(resp.Resources, out)
	}
	return Respond(resp)
}

// alterIncrementally applies operations to what is stored, in their order. A key may be named once,
// and only deletion goes without a value.
func (e *Env) alterIncrementally(ctx context.Context, res *kmsg.IncrementalAlterConfigsRequestResource, validateOnly bool) error {
	_, duplicate := namesOf(res.Configs, func(c *kmsg.IncrementalAlterConfigsRequestResourceConfig) string { return c.Name })
	var nulls []string
	for _, c := range res.Configs {
		if c.Value == nil && c.Op != kmsg.IncrementalAlterConfigOpDelete {
			nulls = append(nulls, c.Name)
		}
	}
	switch {
	case len(duplicate) > 0:
		// Sorted, so that the text does not depend on the order of a map.
		twice := slices.Sorted(maps.Keys(duplicate))
		return &admin.Error{Kind: kerr.InvalidRequest, Message: "Error due to duplicate config keys : " + strings.Join(twice, ",")}
	case len(nulls) > 0:
		return fmt.Errorf("%w: configs without value: %s", errNullValue, strings.Join(nulls, ","))
	case res.ResourceType == kmsg.ConfigResourceTypeBrokerLogger:
		return e.alterLoggers(res, validateOnly)
	}
	stored, err := e.storedConfigs(ctx, res.ResourceType, res.ResourceName)
	if err != nil {
		return err
	}
	next, err := changeConfigs(res.ResourceType, stored, res.Configs)
	if err != nil {
		return err
	}
	return e.setConfigs(ctx, res.ResourceType, res.ResourceName, next, validateOnly)
}

// logLevels are Kafka's, in the order of its message.
var logLevels = []string{"TRACE", "ERROR", "INFO", "FATAL", "DEBUG", "WARN"}

// alterLoggers changes the levels of this broker's loggers: all or none.
func (e *Env) alterLoggers(res *kmsg.IncrementalAlterConfigsRequestResource, validateOnly bool) error {
	plain := func(text string) error { return &admin.Error{Kind: kerr.InvalidRequest, Message: text} }
	refuse := func(text string) error {
		return plain(fmt.Sprintf("Invalid config value for resource ConfigResource(type=BROKER_LOGGER, name='%s'): %s", res.ResourceName, text))
	}
	if res.ResourceName != "" { // unlike DescribeConfigs, no name is this broker's
		if err := e.checkOwnResource(res.ResourceName, ","); err != nil {
			return err
		}
	}
	levels := map[string]string{}
	if e.Loggers != nil {
		levels = e.Loggers.Levels()
	}
	for _, c := range res.Configs {
		// All are checked before any is changed: a request that fails has changed nothing.
		if _, ok := levels[c.Name]; !ok {
			return refuse("Logger " + c.Name + " does not exist!")
		}
		switch c.Op {
		case kmsg.IncrementalAlterConfigOpSet:
			if !slices.Contains(logLevels, *c.Value) {
				return refuse("Cannot set the log level of " + c.Name + " to " + *c.Value + " as it is not a supported log level. " +
					"Valid log levels are " + strings.Join(logLevels, ", "))
			}
		case kmsg.IncrementalAlterConfigOpDelete:
			if c.Name == "root" {
				return plain("Removing the log level of the root logger is not allowed")
			}
		default:
			return plain(c.Op.String() + " operation is not allowed for the BROKER_LOGGER resource")
		}
	}
	if validateOnly {
		return nil
	}
	for _, c := range res.Configs {
		level := ""
		if c.Op == kmsg.IncrementalAlterConfigOpSet {
			level = *c.Value
		}
		e.Loggers.SetLevel(c.Name, level)
	}
	return nil
}
