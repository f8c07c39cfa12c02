package handler

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
)

func TestACLsNeedAnAuthorizer(t *testing.T) {
	c := newDataBroker(t).dial()
	describe := kmsg.NewPtrDescribeACLsRequest()
	describe.Version = 2
	if resp := call[*kmsg.DescribeACLsResponse](c, describe); resp.ErrorCode != kerr.SecurityDisabled.Code || *resp.ErrorMessage != noAuthorizer {
		t.Errorf("describe: %+v", resp)
	}
	creation := kmsg.NewCreateACLsRequestCreation()
	creation.ResourceType, creation.Operation, creation.PermissionType = kmsg.ACLResourceTypeTopic, kmsg.ACLOperationRead, kmsg.ACLPermissionTypeAllow
	create := &kmsg.CreateACLsRequest{Version: 1, Creations: []kmsg.CreateACLsRequestCreation{creation, creation}}
	if resp := call[*kmsg.CreateACLsResponse](c, create); len(resp.Results) != 2 || resp.Results[1].ErrorCode != kerr.SecurityDisabled.Code ||
		*resp.Results[1].ErrorMessage != noAuthorizer+"." {
		t.Errorf("create: %+v", resp)
	}
	remove := &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{kmsg.NewDeleteACLsRequestFilter()}}
	if resp := call[*kmsg.DeleteACLsResponse](c, remove); len(resp.Results) != 1 || resp.Results[0].ErrorCode != kerr.SecurityDisabled.Code {
		t.Errorf("delete: %+v", resp)
	}
}

func TestDelegationTokensNeedAuthentication(t *testing.T) {
	c := newDataBroker(t).dial()
	want := kerr.DelegationTokenRequestNotAllowed.Code
	create := call[*kmsg.CreateDelegationTokenResponse](c, &kmsg.CreateDelegationTokenRequest{Version: 2})
	if create.ErrorCode != want || create.PrincipalType != "User" || create.PrincipalName != "ANONYMOUS" || create.ExpiryTimestamp != -1 {
		t.Errorf("create: %+v", create)
	}
	if resp := call[*kmsg.RenewDelegationTokenResponse](c, &kmsg.RenewDelegationTokenRequest{}); resp.ErrorCode != want || resp.ExpiryTimestamp != -1 {
		t.Errorf("renew: %+v", resp)
	}
	if resp := call[*kmsg.ExpireDelegationTokenResponse](c, &kmsg.ExpireDelegationTokenRequest{}); resp.ErrorCode != want || resp.ExpiryTimestamp != -1 {
		t.Errorf("expire: %+v", resp)
	}
	if resp := call[*kmsg.DescribeDelegationTokenResponse](c, &kmsg.DescribeDelegationTokenRequest{}); resp.ErrorCode != want || len(resp.TokenDetails) != 0 {
		t.Errorf("describe: %+v", resp)
	}
}
