// Package groups runs consumer groups whose members are clients of several kinds, through joins,
// leaves, crashes and failovers of their coordinator. A checker between the clients and the brokers
// reads what the members are told, whatever library they use.
package groups
