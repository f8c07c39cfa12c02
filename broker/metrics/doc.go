// Package metrics declares the broker's metrics under the names of the usual jmx_exporter rules;
// broker/http serves them. There are no globals: each broker has its own Registry. Hot paths hold
// resolved counters.
package metrics
