package handler

// AdminEnv is what the APIs of topics, configs, reassignments and elections use, and those that speak to the controller (6, 7, 19,
// 20, 32, 33, 37, 43-46).
type AdminEnv struct{}
