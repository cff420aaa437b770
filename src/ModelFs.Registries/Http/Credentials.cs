using System.Net.Http.Headers;
using System.Text;

namespace ModelFs.Registries.Http;

/// <summary>Who we are to a server.</summary>
/// <param name="Source">Where the credentials came from, for the log: names, never values.</param>
/// <param name="Secrets">What must not show up in any message.</param>
internal sealed record Credentials(AuthenticationHeaderValue? Authorization, string Source, IReadOnlyList<string> Secrets)
{
    public static Credentials None(string source) => new(null, source, []);

    public static Credentials Basic(string user, string password, string source, params string[] spellings)
    {
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        string[] secrets = [encoded, .. spellings, password, Uri.EscapeDataString(password)];
        return new(new AuthenticationHeaderValue("Basic", encoded), source, [.. secrets.Where(secret => secret.Length > 0)]);
    }

    /// <param name="variable">Where the token comes from.</param>
    /// <exception cref="RegistryConfigurationException">It cannot be sent in a header.</exception>
    public static Credentials Bearer(string token, string variable)
    {
        if (token.Any(char.IsControl))
            throw new RegistryConfigurationException($"{variable} holds a line break or another control character.");
        return new(new AuthenticationHeaderValue("Bearer", token), $"the credentials are those of {variable}", [token]);
    }

    /// <summary>The user and password in a registry's URI, if there are any.</summary>
    public static Credentials? Of(Uri uri)
    {
        if (uri.UserInfo.Length == 0) return null;
        var colon = uri.UserInfo.IndexOf(':', StringComparison.Ordinal);
        var user = Uri.UnescapeDataString(colon < 0 ? uri.UserInfo : uri.UserInfo[..colon]);
        var password = colon < 0 ? "" : Uri.UnescapeDataString(uri.UserInfo[(colon + 1)..]);
        return Basic(user, password, "the credentials are those in the registry's URI", uri.UserInfo);
    }

    public string Redact(string text)
    {
        foreach (var secret in Secrets) text = text.Replace(secret, "***", StringComparison.Ordinal);
        return text;
    }
}
