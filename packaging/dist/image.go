package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageDirs are the data directories of the three images that momus stands in for, of the quick
// start and of the coordination server: for any user, as a fresh volume takes their mode.
var imageDirs = []string{"kafka", "bitnami/kafka/data", "var/lib/kafka/data", "var/lib/zookeeper/data", "var/lib/zookeeper/log", "data", "tmp"}

// imageScripts are the start scripts of those images. There is no shell in this image: they are
// links to momus, which knows them by their paths.
var imageScripts = []string{"bin/start-kafka.sh",
	"etc/confluent/docker/run", "etc/confluent/docker/configure", "etc/confluent/docker/ensure", "etc/confluent/docker/launch",
	"opt/bitnami/scripts/kafka/entrypoint.sh", "opt/bitnami/scripts/kafka/run.sh", "opt/bitnami/scripts/kafka/setup.sh", "app-entrypoint.sh"}

// image makes a container image without Docker: momus, its links, and nothing else. The tar file is
// an OCI layout, and what docker load reads as well.
func (r *Release) image(p Platform) error {
	files, err := r.imageFiles(p)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	// Held in memory: an image is the size of the binary.
	if err := writeTar(&layer, inOrder(files), r.Time); err != nil {
		return err
	}
	// The opener is called more than once: for the digest of the compressed layer, of the plain
	// one, and for writing.
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(9))
	if err != nil {
		return err
	}
	img, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1), mutate.Addendum{Layer: l,
		History: v1.History{Created: v1.Time{Time: r.Time}, CreatedBy: "momus/packaging/dist"}})
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	// DeepCopy, since the file belongs to the image.
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.OS, p.Arch, v1.Time{Time: r.Time}
	config.Config = v1.Config{
		// It starts as root and becomes the user of MOMUS_RUN_AS once volumes that others made are handed
		// to that user.
		Env:          []string{"PATH=/bin", "KAFKA_HOME=/opt/kafka", "MOMUS_RUN_AS=1000:0", "MOMUS_READY_FILE=/tmp/momus-ready.json"},
		Entrypoint:   []string{"/bin/momus", "entrypoint"},
		Cmd:          []string{"broker"},
		ExposedPorts: map[string]struct{}{"9092/tcp": {}, "9404/tcp": {}},
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/bin/momus", "healthcheck"}, Interval: 10 * time.Second, Timeout: 6 * time.Second,
			StartPeriod: 60 * time.Second, Retries: 3},
		Labels: r.labels(),
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	return r.writeImage(p, img)
}

// labels are those of the OCI image specification, by which registries and scanners tell what an
// image is of. The commit leads to the source.
func (r *Release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "momus",
		"org.opencontainers.image.description": "a broker that takes the place of an Apache Kafka 2.5 broker",
		"org.opencontainers.image.version":     r.Version,
		"org.opencontainers.image.revision":    r.Commit,
		"org.opencontainers.image.created":     r.Time.Format(time.RFC3339),
	}
}

// imageFiles are the whole image: there is no distribution below it, so that nothing but momus itself
// can have a vulnerability. Certificates of the system are missing with it; who connects to others by
// TLS names a trust store.
func (r *Release) imageFiles(p Platform) ([]File, error) {
	files := []File{
		{Name: "bin/momus", Mode: 0o755, Source: r.Binary(p)},
		// The other images have scripts in /usr/bin and below /opt: links make each path lead to
		// the same programs.
		{Name: "usr/bin", Link: "../bin", Mode: 0o777},
		{Name: "opt/kafka/bin", Link: "../../bin", Mode: 0o777},
		{Name: "opt/bitnami/kafka/bin", Link: "../../../bin", Mode: 0o777},
		{Name: "opt/kafka/config/server.properties", Mode: 0o644, Source: filepath.Join(r.Root, "configs", "examples", "server.properties")},
		{Name: "opt/bitnami/kafka/config", Dir: true, Mode: 0o777},
		{Name: "etc/kafka/secrets", Dir: true, Mode: 0o755},
		// Names for the ids, without which some tools of the runtime complain; nobody logs in.
		{Name: "etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0:root:/:/bin/momus\nmomus:x:1000:0:momus:/:/bin/momus\n")},
		{Name: "etc/group", Mode: 0o644, Data: []byte("root:x:0:\n")},
	}
	for _, name := range []string{"LICENSE", "NOTICES"} {
		files = append(files, File{Name: "usr/share/doc/momus/" + name, Mode: 0o644, Source: filepath.Join(r.Root, name)})
	}
	links, err := r.links("bin")
	if err != nil {
		return nil, err
	}
	files = append(files, links...)
	for _, name := range imageScripts {
		files = append(files, File{Name: name, Link: "/bin/momus", Mode: 0o777})
	}
	files = append(files, File{Name: "bin/cub", Link: "momus", Mode: 0o777}, File{Name: "bin/dub", Link: "momus", Mode: 0o777})
	for _, name := range imageDirs {
		// Sticky and open for all, as /tmp: Docker gives a new volume the mode of the directory in
		// the image.
		files = append(files, File{Name: name, Dir: true, Mode: 0o1777})
	}
	return files, nil
}

// writeImage puts an image into one file that is an OCI layout, with docker load's manifest beside
// it.
func (r *Release) writeImage(p Platform, img v1.Image) error {
	dir := filepath.Join(r.Work, p.OS+"-"+p.Arch, "image")
	at, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	name := "momus:" + tagOf(r.Version)
	if err := at.AppendImage(img, layout.WithPlatform(v1.Platform{OS: p.OS, Architecture: p.Arch}),
		// containerd reads a name with its registry; docker load reads manifest.json below.
		layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tagOf(r.Version), "io.containerd.image.name": "docker.io/library/" + name})); err != nil {
		return err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	// docker save's form, whose layers are paths within the file.
	docker := []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{{Config: blob(manifest.Config.Digest), RepoTags: []string{name}}}
	for _, l := range manifest.Layers {
		docker[0].Layers = append(docker[0].Layers, blob(l.Digest))
	}
	data, err := json.Marshal(docker)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), data, 0o644); err != nil {
		return err
	}
	files, err := tree(dir, ".")
	if err != nil {
		return err
	}
	out := filepath.Join(r.Out, fmt.Sprintf("%s-image.tar", r.Name(p)))
	return writeFile(out, func(w io.Writer) error { return writeTar(w, inOrder(files), r.Time) })
}

// tagOf is a version as a tag of an image, where "+" is not allowed.
func tagOf(version string) string {
	return string(bytes.ReplaceAll([]byte(version), []byte("+"), []byte("-")))
}
