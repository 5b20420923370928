package files

import "crypto/tls"

// MaxPEM bounds a file with certificates or a key, in bytes. A bundle of all public
// authorities has a quarter of it.
const MaxPEM = 1 << 20

// KeyPair does what [tls.LoadX509KeyPair] does, with files that [Read] takes.
func KeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := Read(certFile, MaxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := Read(keyFile, MaxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
