package acl

import "momus/internal/model"

// Question is what a broker asks before it does something for somebody. It is passed by value, so
// that asking allocates nothing.
type Question struct {
	Principal model.Principal
	// Host is the client's address as Java's InetAddress.getHostAddress prints it.
	Host      string
	Operation Operation
	Type      ResourceType
	Name      string

	// API is the name of the request that asks and References how often it names the resource: both
	// are for the audit log only.
	API        string
	References int
	// QuietAllowed says that a yes gives access to nothing by itself, QuietDenied that a no refuses
	// nothing by itself. Such answers are of little interest to an auditor.
	QuietAllowed, QuietDenied bool
}
