package configs

// Dialect is the Docker image whose environment variables are used.
type Dialect int8

// The dialects.
const (
	NoDialect Dialect = iota
	Wurstmeister
	Bitnami
	Confluent
)

// String is the image's name.
func (d Dialect) String() string {
	return [...]string{"none", "wurstmeister/kafka", "bitnami/kafka", "confluentinc/cp-kafka"}[d]
}
