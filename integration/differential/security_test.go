//go:build interop

package differential

import "github.com/twmb/franz-go/pkg/kmsg"

// securityCases asks brokers without an authorizer, on a listener without authentication, for ACLs
// and tokens.
func securityCases(s *session) {
	versions(0, 2, func(v int16) {
		describe := kmsg.NewPtrDescribeACLsRequest()
		describe.ResourceType, describe.Operation, describe.PermissionType = kmsg.ACLResourceTypeAny, kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
		s.ask("all", v, describe)
		describe.ResourceType = kmsg.ACLResourceTypeUnknown
		s.ask("unknown type", v, describe)

		creation := kmsg.NewCreateACLsRequestCreation()
		creation.ResourceType, creation.ResourceName, creation.Principal, creation.Host = kmsg.ACLResourceTypeTopic, "t", "User:a", "*"
		creation.Operation, creation.PermissionType = kmsg.ACLOperationRead, kmsg.ACLPermissionTypeAllow
		create := &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{creation, creation}}
		s.ask("two", v, create)
		create.Creations[1].Operation = kmsg.ACLOperationUnknown
		s.ask("unknown operation", v, create)

		filter := kmsg.NewDeleteACLsRequestFilter()
		filter.ResourceType, filter.Operation, filter.PermissionType = kmsg.ACLResourceTypeTopic, kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
		remove := &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{filter, filter}}
		s.ask("two", v, remove)
		remove.Filters[0].PermissionType = kmsg.ACLPermissionTypeUnknown
		s.ask("unknown permission", v, remove)

		s.ask("token", v, &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: -1})
		s.ask("token", v, &kmsg.RenewDelegationTokenRequest{HMAC: []byte("x"), RenewTimeMillis: -1})
		s.ask("token", v, &kmsg.ExpireDelegationTokenRequest{HMAC: []byte("x"), ExpiryPeriodMillis: -1})
		s.ask("all tokens", v, &kmsg.DescribeDelegationTokenRequest{})
	})
}
