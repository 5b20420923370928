package files

import "crypto/tls"

// MaxPEM limits the size of a file with certificates or a key, in bytes. A bundle of all
// public authorities has a quarter of that.
const MaxPEM = 1 << 20

// KeyPair is [tls.LoadX509KeyPair] with the checks of [Read] on the files.
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
