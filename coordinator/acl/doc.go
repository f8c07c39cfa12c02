// Package acl is the vocabulary and the rules of access control lists (KIP-11, KIP-140, KIP-290),
// as kafka.security.authorizer.AclAuthorizer of Kafka 2.5 applies them: who may do what on which
// resource. It is pure: it neither reads nor keeps ACLs. Their znodes belong to coordinator/zk, the
// authorizer that follows them to broker/security/authorizer, what an API asks to broker/handler.
package acl
