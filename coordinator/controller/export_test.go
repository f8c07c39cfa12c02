package controller

import "momus/coordinator/zk"

// NewWatchingStore is the store that a controller has.
func NewWatchingStore(client *zk.Client, put func(Event)) Store { return newWatchingStore(client, put) }
