using ModelFs.Registries;
using ModelFs.Vfs.Names;

namespace ModelFs.Vfs.Listings;

/// <summary>One entry of a directory that a registry lists.</summary>
/// <param name="Key">Its name before escaping.</param>
internal abstract class ListedEntry(string key, byte[] name)
{
    public string Key { get; } = key;

    /// <summary>The escaped name: what the kernel gets.</summary>
    public byte[] Name { get; } = name;

    public abstract DateTimeOffset Time { get; }

    /// <summary>What its node id is made of; 0 until the kernel needs one.</summary>
    public uint Ordinal { get; set; }

    /// <summary>Whether another entry of the same name says nothing new.</summary>
    public abstract bool Repeats(ListedEntry other);
}

internal sealed class ListedModel(Model model, byte[] name) : ListedEntry(model.Name, name)
{
    public Model Model { get; } = model;

    public override DateTimeOffset Time => Model.Updated;

    public override bool Repeats(ListedEntry other) =>
        other is ListedModel { Model: var model } && (Model.Created, Model.Updated) == (model.Created, model.Updated)
        && Model.Aliases.Count == model.Aliases.Count && Model.Aliases.All(alias => model.Aliases.GetValueOrDefault(alias.Key) == alias.Value);

    public static ListedModel? Of(Model model) => EscapedName.Escape(model.Name) is { } name ? new(model, name) : null;
}

/// <summary>An alias, or <c>latest</c>: a symlink to a version beside it.</summary>
internal sealed class ListedLink(string alias, string key, byte[] name, string version, byte[] target, DateTimeOffset time) : ListedEntry(key, name)
{
    public string Alias { get; } = alias;

    public string Version { get; } = version;

    /// <summary>The version's escaped name.</summary>
    public byte[] Target { get; } = target;

    public override DateTimeOffset Time { get; } = time;

    public override bool Repeats(ListedEntry other) => other is ListedLink link && (Alias, Version, Time) == (link.Alias, link.Version, link.Time);

    public static ListedLink? Of(string alias, string version, DateTimeOffset time)
    {
        var key = ModelChildName.OfAlias(alias);
        return ModelChildName.IsVersion(version) && EscapedName.Escape(key) is { } name && EscapedName.Escape(version) is { } target
            ? new(alias, key, name, version, target, time)
            : null;
    }
}

internal sealed class ListedVersion(ModelVersion version, byte[] name) : ListedEntry(version.Version, name)
{
    public ModelVersion Version { get; } = version;

    public override DateTimeOffset Time => Version.Created;

    public override bool Repeats(ListedEntry other) => other is ListedVersion version && Version == version.Version;

    public static ListedVersion? Of(ModelVersion version) =>
        ModelChildName.IsVersion(version.Version) && EscapedName.Escape(version.Version) is { } name ? new(version, name) : null;
}
