package handler

// GroupEnv is what the APIs of groups and offsets use (8-16, 42, 47).
type GroupEnv struct{}
