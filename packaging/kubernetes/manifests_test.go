// Package kubernetes checks the manifests: that kustomize takes them, that they have no field which
// Kubernetes does not know, and that what refers to something refers to what is there.
package kubernetes

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// objects are what kubectl apply -k base would send.
type objects struct {
	services map[string]corev1.Service
	sets     map[string]appsv1.StatefulSet
	budgets  map[string]policyv1.PodDisruptionBudget
}

// build reads the manifests as kustomize puts them together.
func build(t *testing.T) objects {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "base")
	if err != nil {
		t.Fatal(err)
	}
	o := objects{map[string]corev1.Service{}, map[string]appsv1.StatefulSet{}, map[string]policyv1.PodDisruptionBudget{}}
	for _, r := range all.Resources() {
		data, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		switch kind := r.GetApiVersion() + " " + r.GetKind(); kind {
		case "v1 Service":
			o.services[r.GetName()] = strict[corev1.Service](t, r.GetName(), data)
		case "apps/v1 StatefulSet":
			o.sets[r.GetName()] = strict[appsv1.StatefulSet](t, r.GetName(), data)
		case "policy/v1 PodDisruptionBudget":
			o.budgets[r.GetName()] = strict[policyv1.PodDisruptionBudget](t, r.GetName(), data)
		default:
			t.Errorf("%s %s is not checked", kind, r.GetName())
		}
	}
	return o
}

// strict decodes an object in which no field is unknown and none comes twice.
func strict[T any](t *testing.T, name string, data []byte) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict(data, &v, yaml.DisallowUnknownFields); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return v
}

// Each set selects its own pods, which have names before they are ready: the members of an ensemble
// find each other only by them. What a pod mounts, and what probes it, is there.
func TestManifests(t *testing.T) {
	o := build(t)
	if got := slices.Sorted(maps.Keys(o.sets)); !slices.Equal(got, []string{"momus", "zookeeper"}) {
		t.Fatalf("the sets are %v", got)
	}
	for name, set := range o.sets {
		pod := set.Spec.Template
		if !within(set.Spec.Selector.MatchLabels, pod.Labels) {
			t.Errorf("%s does not select its own pods", name)
		}
		service, ok := o.services[set.Spec.ServiceName]
		if !ok || service.Spec.ClusterIP != "None" || !service.Spec.PublishNotReadyAddresses {
			t.Errorf("%s: its pods are not named by %q before they are ready", name, set.Spec.ServiceName)
		}
		budget, ok := o.budgets[name]
		if !ok || budget.Spec.MaxUnavailable.IntValue() != 1 || !within(budget.Spec.Selector.MatchLabels, pod.Labels) {
			t.Errorf("%s has no budget of one", name)
		}
		claims := map[string]bool{}
		for _, c := range set.Spec.VolumeClaimTemplates {
			claims[c.Name] = true
		}
		for _, v := range pod.Spec.Volumes {
			claims[v.Name] = true
		}
		for _, c := range pod.Spec.Containers {
			for _, m := range c.VolumeMounts {
				if !claims[m.Name] {
					t.Errorf("%s mounts %s, which is not there", name, m.Name)
				}
			}
			if c.StartupProbe == nil || c.ReadinessProbe == nil || c.LivenessProbe == nil || c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
				t.Errorf("%s lacks a probe or preStop", name)
			}
			if s := c.SecurityContext; s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Contains(s.Capabilities.Drop, "ALL") {
				t.Errorf("%s keeps privileges", name)
			}
			for _, p := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
				switch {
				case p.HTTPGet != nil && !portOf(pod.Spec, p.HTTPGet.Port.String()), p.TCPSocket != nil && !portOf(pod.Spec, p.TCPSocket.Port.String()):
					t.Errorf("%s: a probe asks a port that is not there", name)
				}
			}
		}
	}
	// A service finds pods by labels and their ports by name: a change of either in one place would
	// leave it without anybody to send clients to, and Kubernetes would not say so.
	for name, s := range o.services {
		found := false
		for _, set := range o.sets {
			if within(s.Spec.Selector, set.Spec.Template.Labels) {
				found = true
				for _, p := range s.Spec.Ports {
					if !portOf(set.Spec.Template.Spec, p.TargetPort.String()) {
						t.Errorf("service %s: there is no port %s", name, p.TargetPort.String())
					}
				}
			}
		}
		if !found {
			t.Errorf("service %s selects nothing", name)
		}
	}
}

// The brokers look for each ZooKeeper that the ensemble has, under the name that its pods get.
func TestBrokersKnowTheEnsemble(t *testing.T) {
	o := build(t)
	set := o.sets["zookeeper"]
	var want []string
	for i := range *set.Spec.Replicas {
		want = append(want, "zookeeper-"+string(rune('0'+i))+"."+set.Spec.ServiceName+":2181")
	}
	env := map[string]string{}
	for _, e := range o.sets["momus"].Spec.Template.Spec.Containers[0].Env {
		env[e.Name] = e.Value
	}
	if got := strings.Split(env["KAFKA_ZOOKEEPER_CONNECT"], ","); !slices.Equal(got, want) {
		t.Errorf("the brokers look for %v, the ensemble is %v", got, want)
	}
	if !strings.Contains(env["KAFKA_ADVERTISED_LISTENERS"], "$(POD_NAME)."+o.sets["momus"].Spec.ServiceName+".") {
		t.Errorf("%s is not the name of a pod", env["KAFKA_ADVERTISED_LISTENERS"])
	}
}

// within reports whether a selector, part, chooses what has the labels all.
func within(part, all map[string]string) bool {
	for k, v := range part {
		if all[k] != v {
			return false
		}
	}
	return len(part) > 0
}

// portOf reports whether a container of a pod has a port of that name.
func portOf(pod corev1.PodSpec, name string) bool {
	for _, c := range pod.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}
