package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/nevsnode/gordon/v2/internal/files"
)

// TLS is the encryption of a connection. Files are PEM.
type TLS struct {
	// CAFile holds the authorities to trust; "" is for those of the system.
	CAFile string
	// CertFile and KeyFile are the client's own, both or neither.
	CertFile, KeyFile string
	// ServerName is checked against the server's certificate; "" means the host
	// that is connected to.
	ServerName string
}

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := files.Read(t.CAFile, files.MaxPEM)
		if err != nil {
			return nil, fmt.Errorf("authorities for tls: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authorities for tls: %s contains no PEM certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := files.KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate for tls: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// Check reports why no connection can be encrypted now, nil if one can.
func (t TLS) Check() error {
	_, err := t.config()
	return err
}
