namespace ModelFs.Configuration;

/// <summary>What may be shown of a value that may hold a credential.</summary>
internal static class Secret
{
    public const string Mask = "***";

    private static readonly string[] SecretWords = ["PASSWORD", "TOKEN", "SECRET", "CREDENTIAL"];

    /// <summary>The value as it may be shown: nothing of a secret, and of an address neither user nor query.</summary>
    public static string Masked(string key, string value) =>
        value.Length == 0 ? value
        : SecretWords.Any(word => key.Contains(word, StringComparison.OrdinalIgnoreCase)) ? Mask
        : OfAddress(value, Mask + "@", "?" + Mask);

    /// <summary>An address without what may be secret in it.</summary>
    public static string Removed(string address) => OfAddress(address, "", "");

    /// <summary>Up to the last <c>@</c>: a password may hold one, and a <c>/</c> too.</summary>
    private static string OfAddress(string value, string user, string query)
    {
        var scheme = value.IndexOf(":/", StringComparison.Ordinal);
        if (scheme < 0)
            return value;
        var authority = scheme + 3;
        if (value.AsSpan(scheme).StartsWith("://") && value.LastIndexOf('@') is var at && at >= authority)
            value = string.Concat(value.AsSpan(0, authority), user, value.AsSpan(at + 1));
        var end = value.AsSpan(scheme).IndexOfAny('?', '#');
        return end < 0 ? value : string.Concat(value.AsSpan(0, scheme + end), query);
    }
}
