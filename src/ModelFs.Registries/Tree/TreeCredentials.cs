using ModelFs.Registries.Http;

namespace ModelFs.Registries.Tree;

/// <summary>Who we are to a server of files: the user in its URI, else what the variables of its registry say.</summary>
/// <remarks>The variables end in the registry's name, so that each server gets its own: <c>MODELFS_TOKEN_WWW</c>.</remarks>
internal static class TreeCredentials
{
    /// <exception cref="RegistryConfigurationException">A variable makes no sense.</exception>
    public static Credentials Read(Uri uri, string registry, Func<string, string?> environment)
    {
        var suffix = string.Concat(registry.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToUpperInvariant(c) : '_'));
        var (user, password, token) = ($"MODELFS_USERNAME_{suffix}", $"MODELFS_PASSWORD_{suffix}", $"MODELFS_TOKEN_{suffix}");
        if (Credentials.Of(uri) is { } inUri) return inUri;
        var (name, word) = (Set(user), Set(password));
        if (name is not null && word is not null) return Credentials.Basic(name, word, $"the credentials are those of {user} and {password}");
        if (name is not null || word is not null)
            throw new RegistryConfigurationException($"{(name is null ? password : user)} is set without {(name is null ? user : password)}.");
        return Set(token) is { } bearer
            ? Credentials.Bearer(bearer, token)
            : Credentials.None($"no credentials are set: neither {user} and {password}, nor {token}");

        string? Set(string variable) => environment(variable) is { Length: > 0 } value ? value : null;
    }
}
