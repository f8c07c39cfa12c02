package handler

// StorageEnv is what the APIs of replicas and log directories use (4, 5, 34, 35).
type StorageEnv struct{}
