using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace ModelFs.Registries.Http;

/// <summary>What the configured host is told about us, and nobody else.</summary>
/// <param name="Describe">Where the credentials came from, in words fit for a log.</param>
/// <param name="Redact">Takes the secrets out of a text that a server sent back.</param>
internal sealed record ClientIdentity(
    AuthenticationHeaderValue? Authorization,
    IReadOnlyList<KeyValuePair<string, string>> Headers,
    SslClientAuthenticationOptions Tls,
    string Describe,
    Func<string, string> Redact);

/// <summary>An address that <see cref="AddressRule"/> refuses.</summary>
internal sealed class AddressRefusedException(string host, IPAddress address) : Exception(
    $"{host} is {address}, a {AddressRule.Classify(address).ToString().ToLowerInvariant()} address, and the registry may not name such; "
    + "allowInternalAddresses permits it");

/// <summary>
/// Opens connections. There are two sets of them that share nothing: to the configured origin, with its TLS settings and client
/// certificate, and to whatever that origin names, with none of these and every address checked.
/// </summary>
internal static class Connector
{
    // A host that drops packets must not use up the attempt: with the breaker's 4 s this keeps recovery under 10 s.
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(4);

    public static HttpMessageInvoker ToHome(Uri home, ClientIdentity identity, AddressRule rule)
    {
        var handler = Plain(identity.Tls);
        // A machine-wide proxy serves what is elsewhere.
        handler.UseProxy = !home.IsLoopback;
        handler.ConnectCallback = async (context, cancellation) =>
        {
            var stream = await ConnectAsync(context.DnsEndPoint, static (_, _) => true, rule, cancellation);
            // Through a proxy the host is the proxy's, whose address says nothing about the registry's.
            if (context.DnsEndPoint.Host.Equals(home.IdnHost, StringComparison.OrdinalIgnoreCase))
                rule.NoteOwn(((IPEndPoint)stream.Socket.RemoteEndPoint!).Address);
            return stream;
        };
        return new HttpMessageInvoker(handler);
    }

    public static HttpMessageInvoker ToOthers(AddressRule rule)
    {
        var handler = Plain(new SslClientAuthenticationOptions());
        // A proxy would connect for us, to an address that nobody checked.
        handler.UseProxy = false;
        handler.ConnectCallback = async (context, cancellation) =>
            await ConnectAsync(context.DnsEndPoint, static (rule, address) => rule.Permits(address), rule, cancellation);
        return new HttpMessageInvoker(handler);
    }

    private static SocketsHttpHandler Plain(SslClientAuthenticationOptions tls)
    {
        // A certificate may name an address to have its issuer's from: one that nobody checked.
        tls.CertificateChainPolicy ??= new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck };
        tls.CertificateChainPolicy.DisableCertificateDownloads = true;
        return new SocketsHttpHandler
        {
            SslOptions = tls,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // follows DNS
            // More than the 120 bodies that the cache fetches of one registry at most: what waited here for a slow body to end, a name or
            // another body, would be taken for an origin that does not answer, and for all its readers.
            MaxConnectionsPerServer = 256,
            MaxResponseHeadersLength = 64,
            // Bytes of an abandoned body are bytes the origin sent for nothing.
            MaxResponseDrainSize = 0,
        };
    }

    private static async ValueTask<NetworkStream> ConnectAsync(
        DnsEndPoint target, Func<AddressRule, IPAddress, bool> permitted, AddressRule rule, CancellationToken cancellation)
    {
        var addresses = IPAddress.TryParse(target.Host, out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(target.Host, cancellation);
        Exception? last = null;
        foreach (var address in addresses)
        {
            if (!permitted(rule, address))
            {
                last ??= new AddressRefusedException(target.Host, address);
                continue;
            }

            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, target.Port), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw last ?? new SocketException((int)SocketError.HostNotFound);
    }
}
