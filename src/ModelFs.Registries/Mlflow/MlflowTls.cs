using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ModelFs.Registries.Mlflow;

/// <summary>How the configured server is trusted, from the variables of MLflow's own client.</summary>
internal static class MlflowTls
{
    private const string Insecure = "MLFLOW_TRACKING_INSECURE_TLS";
    private const string ServerCertificate = "MLFLOW_TRACKING_SERVER_CERT_PATH";
    private const string ClientCertificate = "MLFLOW_TRACKING_CLIENT_CERT_PATH";

    /// <exception cref="RegistryConfigurationException">A variable makes no sense, or names a file that cannot be used.</exception>
    public static SslClientAuthenticationOptions Read(Func<string, string?> environment)
    {
        var options = new SslClientAuthenticationOptions();
        var bundle = environment(ServerCertificate);
        if (IsTrue(environment(Insecure)))
        {
            if (!string.IsNullOrEmpty(bundle))
                throw new RegistryConfigurationException($"{Insecure} and {ServerCertificate} exclude each other; both are set.");
            options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        }
        else if (!string.IsNullOrEmpty(bundle))
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            Load(ServerCertificate, bundle, path => policy.CustomTrustStore.ImportFromPemFile(path));
            if (policy.CustomTrustStore.Count == 0)
                throw new RegistryConfigurationException($"{ServerCertificate} names {bundle}, which holds no certificate.");
            options.CertificateChainPolicy = policy;
        }

        if (environment(ClientCertificate) is { Length: > 0 } client)
            Load(ClientCertificate, client, path => options.ClientCertificates = [X509Certificate2.CreateFromPemFile(path)]);
        return options;
    }

    private static bool IsTrue(string? value)
    {
        if (string.IsNullOrEmpty(value) || value is "0" || value.Equals("false", StringComparison.OrdinalIgnoreCase)) return false;
        if (value is "1" || value.Equals("true", StringComparison.OrdinalIgnoreCase)) return true;
        throw new RegistryConfigurationException($"{Insecure} is neither true nor false.");
    }

    private static void Load(string variable, string path, Action<string> load)
    {
        try
        {
            load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new RegistryConfigurationException($"{variable} names {path}, which cannot be used: {e.Message}");
        }
    }
}
